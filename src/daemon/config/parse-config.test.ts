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

const AGE = 'age1st02075fepx833jrzfc697cu98dzwt4r2krm5568elmws6zp5ehq9fzg5z'
const SECRET = '866c6c114724a0fa4d4d73216afd99fb1a2d6bfde8e13a19'

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

  it.each([
    ['', { records: true, strict: false }],
    ['session_recording: node', { records: true, strict: false }],
    ['session_recording: proxy-sync', { records: true, strict: true }],
    ['session_recording: "node-sync"', { records: true, strict: true }],
    ['session_recording: off', { records: false, strict: false }],
    ['session_recording_pipe_bytes: 0', { pipeBytes: 0 }],
    ['session_recording_pipe_bytes: 512 KiB', { pipeBytes: 512 * 1024 }],
    [`session_recording_recipients: ${AGE}`, { recipients: [AGE] }],
    [`session_recording_recipients: [${AGE}, ${AGE}]`, { recipients: [AGE, AGE] }],
  ])('records sessions as %j says', (text, expected) => {
    const { recording } = parse(`auth_service:\n  enabled: yes\n  ${text}`).auth
    expect(recording).toEqual({
      records: true,
      strict: false,
      recipients: [],
      pipeBytes: 4 * 1024 * 1024,
      ...expected,
    })
  })

  it.each([
    ['', null],
    ['session_recording_retention: 90d', 90 * 86_400_000],
    ['session_recording_retention: 2160h', 90 * 86_400_000],
    ['session_recording_retention: 1h', 3_600_000],
  ])('keeps recordings as long as %j says', (text, expected) => {
    const { recordingRetentionMs } = parse(`auth_service:\n  enabled: yes\n  ${text}`).auth
    expect(recordingRetentionMs).toBe(expected)
  })

  it.each([
    ['', 32 * 1024 ** 3],
    ['session_recording_host_quota: 10GiB', 10 * 1024 ** 3],
    ['session_recording_host_quota: 0', 0],
  ])('takes of one service as many recordings as %j says', (text, expected) => {
    const { recordingHostQuota } = parse(`auth_service:\n  enabled: yes\n  ${text}`).auth
    expect(recordingHostQuota).toBe(expected)
  })

  it.each([
    'session_recording_host_quota: 10GB',
    'session_recording: sometimes',
    'session_recording_recipients: age1nobody',
    'session_recording_recipients: []',
    `session_recording_recipients: [${Array.from({ length: 17 }, () => AGE).join(', ')}]`,
    'session_recording_pipe_bytes: much',
    'session_recording_pipe_bytes: -1',
    'session_recording_retention: forever',
    'session_recording_retention: 90',
    'session_recording_retention: 0s',
    'session_recording_retention: 59m',
  ])('refuses %s', (text) => {
    const [problem] = problems(`auth_service:\n  ${text}\n`)
    expect(problem).toContain(`auth_service.${text.split(':')[0]}`)
  })

  it.each([
    ['', '/var/lib/teleport/recordings'],
    ['storage: {audit_sessions_uri: "file:///srv/recordings"}', '/srv/recordings'],
    ['storage: {audit_sessions_uri: /srv/recordings}', '/srv/recordings'],
  ])('keeps recordings where %j says', (text, path) => {
    expect(parse(`teleport:\n  nodename: a\n  ${text}`).recordingsPath).toBe(path)
  })

  it.each(['s3://bucket', 'recordings', 'file://recordings'])(
    'knows no recordings at %s',
    (uri) => {
      const [problem] = problems(`teleport: {storage: {audit_sessions_uri: "${uri}"}}`)
      expect(problem).toContain('teleport.storage.audit_sessions_uri')
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
      publicAddresses: [{ host: 'k8s.example.com', port: 3027 }],
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

  it.each([
    ['', { enabled: false, enabledInPod: true }],
    ['    kubeconfig_file: /k\n', { enabled: true, enabledInPod: false }],
    ['kubernetes_service: {enabled: yes}\n', { enabled: true, enabledInPod: false }],
  ])('opens the Kubernetes port of a proxy, and serves what there is: %j', (more, kube) => {
    const config = parse(`proxy_service:
  kubernetes:
    enabled: yes
    listen_addr: 0.0.0.0:3027
${more}`)
    expect(config.proxy.kubernetes).toMatchObject({ listen: { port: 3027 } })
    expect(config.kube).toMatchObject(kube)
  })

  it.each([
    [':3000', { host: '127.0.0.1', port: 3000 }],
    ['0.0.0.0:3000', { host: '0.0.0.0', port: 3000 }],
  ])('shows diagnostics at %s to this machine, or to whom the file says', (text, diagAddress) => {
    expect(parse(`teleport: {diag_addr: "${text}"}`)).toMatchObject({ diagAddress })
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
      'a port alone for an address',
      'proxy_service:\n  kube_listen_addr: 3026\n',
      'teleport.yaml:2:21: proxy_service.kube_listen_addr: must be an address like 0.0.0.0:3026 or kube.example.com:443; a port alone is ":3026"',
    ],
    [
      'a URL for an address',
      'teleport:\n  proxy_server: https://a:3080\n',
      'kube.example.com:443, without https://',
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
      'two places to join',
      'teleport:\n  proxy_server: a:3080\n  auth_server: b:3025\n',
      'teleport.yaml:3:3: teleport.auth_server: cannot stand beside teleport.proxy_server: choose one',
    ],
    [
      'the older form beside the newer',
      'teleport:\n  auth_servers: [b:3025]\n  auth_server: b:3025\n',
      'teleport.auth_servers: cannot stand beside teleport.auth_server',
    ],
    [
      'a place to join that is none',
      "teleport:\n  proxy_server: ':3080'\n",
      'teleport.proxy_server: must name the host to connect to',
    ],
    [
      'two tokens',
      `teleport:\n  auth_token: ${SECRET}\n  join_params: {token_name: /token}\n`,
      'teleport.join_params.token_name: cannot stand beside teleport.auth_token',
    ],
    [
      'another way to join',
      'teleport:\n  join_params: {method: iam}\n',
      'teleport.join_params.method: must be one of token',
    ],
    [
      'a pin that is none',
      'teleport:\n  ca_pin: [sha256:12]\n',
      'teleport.ca_pin: must be sha256:<64 hex digits>',
    ],
    [
      'a token that can be guessed',
      'auth_service:\n  tokens: ["kube:secret"]\n',
      'teleport.yaml:2:11: auth_service.tokens: a join token has at least 16 characters',
    ],
    [
      'a token for what cannot join',
      `auth_service:\n  tokens: ["kube,node:${SECRET}"]\n`,
      'auth_service.tokens: "node" cannot join: kube and proxy can',
    ],
    [
      'a token for nothing',
      `auth_service:\n  tokens: ["${SECRET}"]\n`,
      'must be a list of "<services>:<secret>"',
    ],
    ['SSH', 'ssh_service: {enabled: yes}\n', 'there is no SSH service'],
    ['a label that is a list', 'kubernetes_service:\n  labels: {a: [b]}\n', 'must be labels'],
    [
      'a label with a long name',
      `kubernetes_service:\n  labels: {${'a'.repeat(257)}: b}\n`,
      'the name of a label has 256 characters at most',
    ],
    [
      'a label with a long value',
      `kubernetes_service:\n  labels: {a: ${'b'.repeat(1025)}}\n`,
      'its value 1024',
    ],
    [
      'a command for a label with a long name',
      `kubernetes_service:\n  commands: [{name: ${'a'.repeat(257)}, command: [/bin/true]}]\n`,
      'the name of a label has 256 characters at most',
    ],
    [
      'a command for a label without a name',
      'kubernetes_service:\n  commands: [{name: "", command: [/bin/true]}]\n',
      'must be a list of {name, command',
    ],
    [
      'a command without a program',
      'kubernetes_service:\n  commands: [{name: a, command: []}]\n',
      'must be a list of {name, command',
    ],
  ])('refuses %s, with its place', (_what, text, message) => {
    expect(problems(text).join('\n')).toContain(message)
  })

  it('tells the place of what is no YAML once', () => {
    expect(problems('teleport:\n\tlog: x\n')).toContain(
      'teleport.yaml:2:1: Tabs are not allowed as indentation',
    )
  })

  it('reads how to join, with values or files', () => {
    expect(
      parse(`version: v3
teleport:
  join_params: {method: token, token_name: /etc/teleport-secrets/auth-token}
  proxy_server: proxy.example.com
  ca_pin: SHA256:${'AB'.repeat(32)}
`).joining,
    ).toEqual({
      server: { kind: 'proxy', addresses: [{ host: 'proxy.example.com', port: 3080 }] },
      token: { kind: 'file', path: '/etc/teleport-secrets/auth-token' },
      caPins: [`sha256:${'ab'.repeat(32)}`],
      insecure: false,
    })
    expect(
      parse(`teleport:
  auth_token: ${SECRET}
  auth_servers: [a.example.com:3025, b.example.com]
`).joining,
    ).toEqual({
      server: {
        kind: 'auth',
        addresses: [
          { host: 'a.example.com', port: 3025 },
          { host: 'b.example.com', port: 3025 },
        ],
      },
      token: { kind: 'value', value: SECRET },
      caPins: [],
      insecure: false,
    })
    expect(parse('').joining).toMatchObject({ server: null, token: null })
  })

  it('reads static tokens, for one service or several', () => {
    expect(
      parse(`auth_service:
  tokens:
  - kube:${SECRET}
  - "proxy,kube:/run/token"
`).auth.tokens,
    ).toEqual([
      { services: ['kube'], secret: { kind: 'value', value: SECRET } },
      { services: ['proxy', 'kube'], secret: { kind: 'file', path: '/run/token' } },
    ])
  })

  it('never repeats a token in what is wrong with it', () => {
    for (const text of [`node:${SECRET}`, `kube:${SECRET} x`, `kube:${SECRET}`.repeat(9)]) {
      expect(problems(`auth_service: {tokens: ["${text}"]}`).join()).not.toContain(SECRET)
    }
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
