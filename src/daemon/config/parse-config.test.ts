import { describe, expect, it } from 'vitest'
import { ConfigError } from './errors.ts'
import { exampleConfig } from './example.ts'
import { parseConfig } from './parse-config.ts'

const parse = (text: string): ReturnType<typeof parseConfig> => parseConfig(text, 'teleport.yaml')
const problems = (text: string): string[] => {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n')
    throw error
  }
  return []
}

describe('parseConfig()', () => {
  it('is off for Kubernetes by default', () => {
    const config = parse('')
    expect(config.proxy.kubernetes).toBeNull()
    expect(config.kube.enabled).toBe(false)
    expect(config).toMatchObject({
      dataDir: '/var/lib/teleport',
      databasePath: '/var/lib/teleport/backend/teleport.db',
      auth: { enabled: true, listen: { host: '0.0.0.0', port: 3025 } },
      proxy: { enabled: true, webListen: { host: '0.0.0.0', port: 3080 } },
    })
  })

  it.each([
    ['', 'otp'],
    ['authentication: {type: local}', 'otp'],
    ['authentication: {type: local, second_factor: off}', 'off'],
    ['authentication: {second_factor: "off"}', 'off'],
    ['authentication: {type: local, second_factor: otp}', 'otp'],
    ['authentication: {second_factor: on}', 'on'],
  ])('asks logins for the second factor that %j says', (text, expected) => {
    expect(parse(`auth_service:\n  enabled: yes\n  ${text}`).auth.secondFactor).toBe(expected)
  })

  it.each(['{type: github}', '{second_factor: webauthn}', '{second_facter: otp}', 'local'])(
    'knows no authentication %s',
    (text) => {
      const [problem] = problems(`auth_service:\n  authentication: ${text}\n`)
      expect(problem).toContain('auth_service.authentication')
    },
  )

  it('reads the kubernetes service of the page', () => {
    const config = parse(`kubernetes_service:
    enabled: yes
    public_addr: [k8s.example.com:3027]
    listen_addr: 0.0.0.0:3027
    kubeconfig_file: /secrets/kubeconfig
    labels:
      env: "prod"
    commands:
    - name: "os"
      command: ["/usr/bin/uname"]
      period: "5s"
    - name: cluster-name
      command: ['curl', 'http://metadata.google.internal/computeMetadata/v1/instance/attributes/cluster-name', '-H', 'Metadata-Flavor: Google']
      period: 1m0s
`)
    expect(config.kube).toMatchObject({
      enabled: true,
      listen: { host: '0.0.0.0', port: 3027 },
      kubeconfigFile: '/secrets/kubeconfig',
      labels: { env: 'prod' },
      commands: [
        { name: 'os', command: ['/usr/bin/uname'], periodMs: 5000 },
        { name: 'cluster-name', periodMs: 60_000 },
      ],
    })
  })

  it('reads the older form, which serves the clusters itself', () => {
    const config = parse(`proxy_service:
  kubernetes:
    enabled: yes
    public_addr: []
    kubeconfig_file: /secrets/kubeconfig
`)
    expect(config.proxy.kubernetes).toEqual({
      listen: { host: '0.0.0.0', port: 3026 },
      publicAddresses: [],
    })
    expect(config.kube).toMatchObject({ enabled: true, kubeconfigFile: '/secrets/kubeconfig' })
  })

  it('reads option 1: the gateway of many clusters', () => {
    const config = parse(`auth_service:
  enabled: "yes"
  listen_addr: 0.0.0.0:3025
  tokens:
  - kube:866c6c114724a0fa4d4d73216afd99fb1a2d6bfde8e13a19
proxy_service:
  public_addr: proxy.example.com:3080
  kube_listen_addr: 0.0.0.0:3027
  # optional: set a different public address for kubernetes access
  kube_public_addr: kube.example.com:3027
`)
    expect(config.proxy.kubernetes).toEqual({
      listen: { host: '0.0.0.0', port: 3027 },
      publicAddresses: [{ host: 'kube.example.com', port: 3027 }],
    })
    expect(config.proxy.publicAddresses).toEqual([{ host: 'proxy.example.com', port: 3080 }])
  })

  it('reads option 2: the proxy inside the cluster', () => {
    const config = parse(`auth_service:
  cluster_name: example.com
  public_addr: auth.example.com:3025
proxy_service:
  public_addr: proxy.example.com:3080
  kube_listen_addr: 0.0.0.0:3026
  kube_public_addr: kube.example.com:3026
kubernetes_service:
  enabled: yes
  listen_addr: 0.0.0.0:3027
  kube_cluster_name: kube.example.com
`)
    expect(config.auth.clusterName).toBe('example.com')
    expect(config.kube).toMatchObject({ kubeClusterName: 'kube.example.com', kubeconfigFile: null })
  })

  it.each(['yes', 'on', 'true', '"yes"', "'True'", 'YES'])('takes %s as yes', (word) => {
    expect(parse(`kubernetes_service: {enabled: ${word}}`).kube.enabled).toBe(true)
  })

  it('takes an address as text or list, with a port of its own or the usual one', () => {
    const addresses = (text: string): unknown =>
      parse(`proxy_service: {kube_listen_addr: ':3026', kube_public_addr: ${text}}`).proxy
        .kubernetes?.publicAddresses
    expect(addresses('kube.example.com')).toEqual([{ host: 'kube.example.com', port: 3026 }])
    expect(addresses("['a:1', '[::1]:2']")).toEqual([
      { host: 'a', port: 1 },
      { host: '::1', port: 2 },
    ])
  })

  it.each([
    [
      'an unknown key',
      'proxy_service:\n  kube_listen_adr: a:1\n',
      'teleport.yaml:2:3: proxy_service.kube_listen_adr: is not a known key: did you mean kube_listen_addr?',
    ],
    [
      'an unknown section',
      'kube_service: {}\n',
      'teleport.yaml:1:1: kube_service: is not a known key',
    ],
    [
      'a wrong type',
      'teleport:\n  log:\n    severity: LOUD\n',
      'teleport.yaml:3:15: teleport.log.severity: must be one of',
    ],
    [
      'a wrong address',
      'auth_service:\n  listen_addr: 1.2.3.4:99999\n',
      'teleport.yaml:2:16: auth_service.listen_addr: must be an address',
    ],
    [
      'a wrong boolean',
      'auth_service:\n  enabled: perhaps\n',
      'auth_service.enabled: must be yes or no',
    ],
    ['a text for a section', 'teleport: yes\n', 'teleport: must be a section'],
    ['a key twice', 'teleport: {}\nteleport: {}\n', 'teleport.yaml:2:1'],
    ['broken YAML', 'teleport: [\n', 'teleport.yaml:'],
    [
      'exclusive keys',
      'kubernetes_service:\n  kubeconfig_file: a\n  kube_cluster_name: b\n',
      'teleport.yaml:3:3: kubernetes_service.kube_cluster_name: cannot stand beside kubernetes_service.kubeconfig_file',
    ],
    [
      'the shortcut and its long form',
      'proxy_service:\n  kube_listen_addr: a:1\n  kubernetes: {listen_addr: b:1}\n',
      'cannot stand beside',
    ],
    [
      'the shortcut and a no',
      'proxy_service:\n  kube_listen_addr: a:1\n  kubernetes: {enabled: no}\n',
      'enables Kubernetes',
    ],
    [
      'joining',
      'teleport:\n  auth_servers: [a:3080]\n',
      'joining over the network is not possible in this version',
    ],
    ['SSH', 'ssh_service: {enabled: yes}\n', 'there is no SSH service'],
    ['a label that is a list', 'kubernetes_service:\n  labels: {a: [b]}\n', 'must be labels'],
    [
      'a command without a program',
      'kubernetes_service:\n  commands: [{name: a, command: []}]\n',
      'must be a list of {name, command',
    ],
  ])('refuses %s, with its place', (_what, text, message) => {
    expect(problems(text).join('\n')).toContain(message)
  })

  it('tells everything that is wrong at once', () => {
    expect(problems('a: 1\nauth_service: {b: 2}\nteleport: {log: {severity: X}}\n')).toHaveLength(3)
  })

  it('does not mind empty sections, and SSH that is off', () => {
    expect(problems('teleport:\nauth_service:\nssh_service:\n  enabled: no\n')).toEqual([])
  })

  it('parses what "teleport configure" prints', () => {
    const text = exampleConfig({
      clusterName: 'a"b',
      dataDir: '/d',
      kubeconfigFile: '/k',
      publicAddress: 'kube.example.com:443',
    })
    expect(parse(text)).toMatchObject({
      auth: { clusterName: 'a"b' },
      kube: { kubeconfigFile: '/k' },
    })
    expect(
      problems(
        exampleConfig({
          clusterName: 'c',
          dataDir: '/d',
          kubeconfigFile: '/k',
          publicAddress: null,
        }),
      ),
    ).toEqual([])
  })
})
