import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { parseConfig } from '../../../src/daemon/config/index.ts'
import { Helm, helmPath, type KubeObject, only, withoutHelm } from '../../support/helm.ts'
import { configOf } from './rules.ts'

describe.skipIf(helmPath === null)(`the chart teleport, the first name${withoutHelm}`, () => {
  let helm: Helm
  beforeAll(async () => {
    helm = await Helm.open()
  })
  afterAll(() => helm[Symbol.asyncDispose]())

  const render = (values: object): Promise<KubeObject[]> => helm.template('teleport', values)
  const withoutNames = (objects: readonly KubeObject[]): string =>
    stringify(objects, { aliasDuplicateObjects: false }).replaceAll('teleport-cluster', 'teleport')

  it('passes the strict linter', async () => {
    expect(await helm.mustRun('lint', '--strict', 'charts/teleport')).toContain('0 chart(s) failed')
  })

  it('is the chart teleport-cluster', async () => {
    const values = {
      clusterName: 'a.example.com',
      labels: { env: 'dev' },
      authenticationSecondFactor: 'off',
    }
    expect(withoutNames(await render(values))).toEqual(
      withoutNames(await helm.template('teleport-cluster', values)),
    )
  })

  it('needs no value: it is called like its Service', async () => {
    const config = parseConfig(stringify(configOf(await render({}))), 'teleport.yaml')
    expect(config.auth.clusterName).toBe('rel.ns.svc.cluster.local')
  })

  it('takes the values of its first version', async () => {
    const objects = await render({
      image: {
        repository: 'registry.example.com/teleport',
        tag: 5,
        pullPolicy: 'Always',
        pullSecrets: ['a', { name: 'b' }],
      },
      service: { type: 'ClusterIP' },
      proxy: { tls: { enabled: true, secretName: 'web-pair' } },
      extraVars: { HTTPS_PROXY: 'http://proxy:3128', COUNT: 3 },
      extraArgs: ['--debug'],
      rbac: { create: true },
      serviceAccount: { create: true, name: 'teleport-serviceaccount' },
      config: {
        teleport: { log: { severity: 'WARN' } },
        auth_service: { cluster_name: 'old.example.com' },
        proxy_service: {
          public_addr: 'old.example.com:3080',
          kubernetes: {
            enabled: 'yes',
            listen_addr: '0.0.0.0:3999',
            public_addr: ['k.example.com:3026'],
          },
        },
      },
    })
    const pod = only(objects, 'Deployment')['spec'].template.spec
    const [container] = pod.containers
    expect(container).toMatchObject({
      image: 'registry.example.com/teleport:5',
      imagePullPolicy: 'Always',
    })
    expect(container.args).toContain('--debug')
    expect(container.env).toContainEqual({ name: 'HTTPS_PROXY', value: 'http://proxy:3128' })
    expect(container.env).toContainEqual({ name: 'COUNT', value: '3' })
    expect(pod.imagePullSecrets).toEqual([{ name: 'a' }, { name: 'b' }])
    expect(pod.serviceAccountName).toBe('teleport-serviceaccount')
    expect(only(objects, 'Service', 'rel')['spec'].type).toBe('ClusterIP')
    const config = parseConfig(stringify(configOf(objects)), 'teleport.yaml')
    expect(config).toMatchObject({
      log: { level: 'warn' },
      auth: { clusterName: 'old.example.com' },
      proxy: {
        publicAddresses: [{ host: 'old.example.com', port: 3080 }],
        keyPair: { certFile: '/etc/teleport-tls/tls.crt' },
        kubernetes: {
          listen: { port: 3999 },
          publicAddresses: [{ host: 'k.example.com', port: 3026 }],
        },
      },
      kube: { kubeClusterName: 'old.example.com' },
    })
  })

  it.each([
    [{ ports: { nodessh: 3022 } }, '- ports: there is no SSH'],
    [{ service: { ports: { proxyweb: { port: 1 } } } }, '- service.ports: the Service has 443'],
    [{ ingress: { enabled: true } }, '- ingress.enabled: '],
    [{ annotations: { a: 'b' } }, 'annotations.a: say what it is for'],
    [{ proxy: { tls: { enabled: true } } }, 'proxy.tls.secretName: name the Secret'],
    [{ config: { ssh_service: { enabled: true } } }, '- config.ssh_service.enabled: '],
    [
      { config: { proxy_service: { kubernetes: { kubeconfig_file: '/k' } } } },
      '- config.proxy_service.kubernetes.kubeconfig_file: ',
    ],
    [
      { config: { proxy_service: { kubernetes: { enabled: false } } } },
      'config.proxy_service.kubernetes.enabled: this chart is for Kubernetes',
    ],
    [{ nothing: 1 }, "'nothing' not allowed"],
    [{ image: { repo: 'x' } }, '/image'],
  ])('refuses %j in words', async (values, words) => {
    const { code, stderr } = await helm.tryTemplate('teleport', values)
    expect(code).not.toBe(0)
    expect(stderr).toContain(words)
  })
})
