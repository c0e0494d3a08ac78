import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { parseConfig } from '../../../src/daemon/config/index.ts'
import {
  Helm,
  helmPath,
  isHook,
  type KubeObject,
  namesOf,
  only,
  withoutHelm,
} from '../../support/helm.ts'
import { configOf, expectRestricted, IMPERSONATION } from './rules.ts'

const CHART = 'teleport-cluster'
const ENOUGH = { clusterName: 'teleport.example.com' }

describe.skipIf(helmPath === null)(`the chart ${CHART}${withoutHelm}`, () => {
  let helm: Helm
  beforeAll(async () => {
    helm = await Helm.open()
  })
  afterAll(() => helm[Symbol.asyncDispose]())

  const render = (values: object = {}): Promise<KubeObject[]> =>
    helm.template(CHART, { ...ENOUGH, ...values })
  const complaint = async (values: object): Promise<string> => {
    const { code, stderr } = await helm.tryTemplate(CHART, values)
    expect(code, stderr).not.toBe(0)
    return stderr
  }

  it('passes the strict linter', async () => {
    const file = await helm.values(ENOUGH)
    const said = await helm.mustRun('lint', '--strict', `charts/${CHART}`, '-f', file)
    expect(said).toContain('0 chart(s) failed')
  })

  it('makes these objects of a name, and no other', async () => {
    const objects = await render()
    expect(namesOf(objects.filter((object) => !isHook(object)))).toEqual([
      'ClusterRole/ns-rel',
      'ClusterRoleBinding/ns-rel',
      'ConfigMap/rel',
      'Deployment/rel',
      'PersistentVolumeClaim/rel',
      'Service/rel',
      'Service/rel-auth',
      'ServiceAccount/rel',
    ])
    expect(namesOf(objects.filter(isHook))).toEqual([
      'ConfigMap/rel-config-check',
      'Job/rel-config-check',
    ])
  })

  it('gives the pod impersonation, and nothing more', async () => {
    const objects = await render()
    expect(only(objects, 'ClusterRole')['rules']).toEqual(IMPERSONATION)
    expect(objects.filter(({ kind }) => /^(Role|RoleBinding)$/.test(kind))).toEqual([])
  })

  it('writes a configuration that the daemon takes as it is meant', async () => {
    const config = parseConfig(stringify(configOf(await render())), 'teleport.yaml')
    expect(config).toMatchObject({
      dataDir: '/var/lib/teleport/data',
      auth: { enabled: true, clusterName: 'teleport.example.com', secondFactor: 'otp' },
      proxy: {
        enabled: true,
        webListen: { host: '0.0.0.0', port: 3080 },
        publicAddresses: [{ host: 'teleport.example.com', port: 443 }],
        keyPair: null,
        proxyProtocol: false,
        tunnelListen: { host: '0.0.0.0', port: 3024 },
        tunnelPublicAddresses: [{ host: 'teleport.example.com', port: 3024 }],
        kubernetes: { publicAddresses: [{ host: 'teleport.example.com', port: 3026 }] },
      },
      kube: { enabled: true, kubeClusterName: 'teleport.example.com', labels: {} },
    })
  })

  it('writes what the values say into it', async () => {
    const objects = await render({
      kubeClusterName: 'inner',
      publicAddr: ['a.example.com:443'],
      kubePublicAddr: ['k.example.com:443'],
      labels: { env: 'prod' },
      authentication: { secondFactor: 'off' },
      proxyProtocol: 'on',
      tls: { existingSecretName: 'web-pair' },
      log: { level: 'DEBUG', format: 'json' },
      auth: { teleportConfig: { kubernetes_service: { audit: 'best_effort' } } },
      proxy: { teleportConfig: { proxy_service: { proxy_protocol: null } } },
    })
    const config = parseConfig(stringify(configOf(objects)), 'teleport.yaml')
    expect(config).toMatchObject({
      log: { level: 'debug', format: 'json' },
      auth: { secondFactor: 'off' },
      proxy: {
        publicAddresses: [{ host: 'a.example.com', port: 443 }],
        kubernetes: { publicAddresses: [{ host: 'k.example.com', port: 443 }] },
        keyPair: { keyFile: '/etc/teleport-tls/tls.key', certFile: '/etc/teleport-tls/tls.crt' },
        proxyProtocol: false,
      },
      kube: { kubeClusterName: 'inner', labels: { env: 'prod' }, audit: 'best_effort' },
    })
    expect(only(objects, 'Deployment')['spec'].template.spec.volumes).toContainEqual({
      name: 'tls',
      secret: { secretName: 'web-pair' },
    })
  })

  it.each([
    ['off', 'off'],
    [false, 'off'],
    ['on', 'on'],
    [true, 'on'],
    ['otp', 'otp'],
  ])('reads the second factor %j as %s, as YAML makes booleans of words', async (given, meant) => {
    const objects = await render({ authentication: { secondFactor: given } })
    const config = parseConfig(stringify(configOf(objects)), 'teleport.yaml')
    expect(config.auth.secondFactor).toBe(meant)
  })

  it('takes values of features that are not here as long as they say nothing', async () => {
    const nothing = {
      sessionRecording: '',
      aws: { region: '', backups: false },
      authentication: { webauthn: { attestationAllowedCas: [] } },
      highAvailability: { certManager: { enabled: false, issuerKind: 'Issuer' } },
      annotations: { certSecret: {} },
    }
    expect(configOf(await render(nothing))).toEqual(configOf(await render()))
  })

  it('still takes the names of old', async () => {
    const objects = await render({
      authenticationType: 'local',
      authenticationSecondFactor: false,
      standalone: { existingClaimName: 'mine' },
    })
    expect(parseConfig(stringify(configOf(objects)), 'teleport.yaml').auth.secondFactor).toBe('off')
    expect(only(objects, 'Deployment')['spec'].template.spec.volumes).toContainEqual({
      name: 'data',
      persistentVolumeClaim: { claimName: 'mine' },
    })
    const [claim] = (await render({ standalone: { volumeSize: '20Gi' } })).filter(
      ({ kind }) => kind === 'PersistentVolumeClaim',
    )
    expect(claim?.['spec'].resources.requests.storage).toBe('20Gi')
    expect(await complaint({ ...ENOUGH, authenticationType: 'github' })).toContain(
      'authentication.type: this version knows local',
    )
  })

  it('has one port for everything with multiplex', async () => {
    const ports = async (values: object): Promise<number[]> => {
      const { spec } = only(await render(values), 'Service', 'rel')
      return (spec.ports as { port: number }[]).map(({ port }) => port)
    }
    expect(await ports({})).toEqual([443, 3026, 3024])
    expect(await ports({ proxyListenerMode: 'multiplex' })).toEqual([443])
    const config = configOf(await render({ proxyListenerMode: 'multiplex' }))
    expect(config['proxy_service']).toMatchObject({
      kube_public_addr: ['teleport.example.com:443'],
    })
    expect(config['proxy_service']).not.toHaveProperty('tunnel_listen_addr')
  })

  it('takes the whole configuration from its reader in the mode scratch', async () => {
    const own = { version: 'v3', auth_service: { cluster_name: 'x' } }
    const objects = await helm.template(CHART, {
      chartMode: 'scratch',
      teleportConfig: own,
      proxy: { teleportConfig: { proxy_service: { enabled: false } } },
    })
    expect(configOf(objects)).toEqual({ ...own, proxy_service: { enabled: false } })
  })

  it('keeps the state: one pod at a time, and a claim that outlives the release', async () => {
    const objects = await render({ persistence: { storageClassName: 'fast', volumeSize: '20Gi' } })
    expect(only(objects, 'Deployment')['spec']).toMatchObject({
      replicas: 1,
      strategy: { type: 'Recreate' },
    })
    expect(only(objects, 'PersistentVolumeClaim')).toMatchObject({
      metadata: { annotations: { 'helm.sh/resource-policy': 'keep' } },
      spec: { storageClassName: 'fast', resources: { requests: { storage: '20Gi' } } },
    })
    const volume = async (persistence: object): Promise<unknown> => {
      const { spec } = only(await render({ persistence }), 'Deployment')
      return spec.template.spec.volumes[1] as unknown
    }
    expect(await volume({})).toEqual({ name: 'data', persistentVolumeClaim: { claimName: 'rel' } })
    expect(await volume({ existingClaimName: 'mine' })).toEqual({
      name: 'data',
      persistentVolumeClaim: { claimName: 'mine' },
    })
    expect(await volume({ enabled: false })).toEqual({ name: 'data', emptyDir: {} })
  })

  it('runs pods that may not do anything on their node', async () => {
    expectRestricted(await render())
  })

  it('names what is missing, and values that it does not know', async () => {
    expect(await complaint({})).toContain('- clusterName is required: ')
    expect(await complaint({ ...ENOUGH, clustername: 'x' })).toContain("'clustername' not allowed")
  })

  it.each([
    [{ clusterName: 'Has Spaces' }, 'clusterName: must be a host name'],
    [{ chartMode: 'aws' }, 'chartMode aws: this version has standalone and scratch'],
    [{ chartMode: 'scratch' }, 'which is empty'],
    [{ auth: { resources: {} } }, 'auth.resources: auth and proxy run in one pod: set resources'],
    [{ proxy: { replicas: 2 } }, 'proxy.replicas: auth and proxy run in one pod'],
    [{ highAvailability: { replicaCount: 2 } }, 'one pod holds the state'],
    [{ highAvailability: { certManager: { enabled: true } } }, '- highAvailability.certManager'],
    [{ authentication: { type: 'github' } }, 'authentication.type: this version knows local'],
    [{ authentication: { localAuth: false } }, 'authentication.localAuth: '],
    [{ authentication: { connectorName: 'okta' } }, '- authentication.connectorName: '],
    [{ authentication: { lockingMode: 'best_effort' } }, 'roles say how locks are kept'],
    [{ annotations: { certSecret: { a: 'b' } } }, '- annotations.certSecret: '],
    [{ authentication: { webauthn: { a: 1 } } }, '- authentication.webauthn: '],
    [{ authentication: { secondFactor: 'webauthn' } }, '/authentication/secondFactor'],
    [{ acme: true }, '- acme: certificates are not fetched'],
    [{ ingress: { enabled: true } }, '- ingress.enabled: an ingress that ends TLS'],
    [{ operator: { enabled: true } }, '- operator.enabled: '],
    [{ enterprise: true }, '- enterprise: there is one edition'],
    [{ aws: { region: 'x' } }, '- aws: state is kept on a volume'],
    [{ gcp: { projectId: 'x' } }, '- gcp: state is kept on a volume'],
    [{ azure: { a: 'x' } }, '- azure: state is kept on a volume'],
    [{ sessionRecording: 'sometimes' }, '/sessionRecording'],
    [{ separatePostgresListener: true }, '- separatePostgresListener: '],
    [{ mysqlPublicAddr: ['x'] }, '- mysqlPublicAddr: there is no database access'],
    [{ sshPublicAddr: ['x'] }, '- sshPublicAddr: there is no SSH'],
    [{ podSecurityPolicy: { enabled: true } }, '- podSecurityPolicy.enabled: '],
  ])('refuses %j in words', async (values, words) => {
    expect(await complaint({ ...ENOUGH, ...values })).toContain(words)
  })
})
