/**
 * Every key of teleport.yaml, as data: the parser judges by it and docs/configuration.md is held against it.
 */
export type KeyType =
  | 'text'
  | 'boolean'
  | 'directory'
  | 'recipients'
  | 'bytes'
  | 'retention'
  | 'address'
  | 'addresses'
  | 'texts'
  | 'labels'
  | 'commands'
  | 'keypairs'
  | 'authentication'
  | 'secret'
  | 'pins'
  | 'tokens'
  | 'matchers'
  | { readonly oneOf: readonly string[] }

export interface KeySpec {
  readonly type: KeyType
  readonly says: string
}

export type SectionSpec = { readonly [key: string]: KeySpec | SectionSpec | Refused }

/** A key of the original that this version refuses, with the reason. */
export interface Refused {
  readonly refused: string
}

const key = (type: KeyType, says: string): KeySpec => ({ type, says })
const refused = (reason: string): Refused => ({ refused: reason })

export const schema: SectionSpec = {
  version: key({ oneOf: ['v1', 'v2', 'v3'] }, 'version of the file format; any is read alike'),
  teleport: {
    nodename: key('text', 'name of this machine in logs (default: its host name)'),
    data_dir: key('text', 'where everything is kept (default: /var/lib/teleport)'),
    diag_addr: key(
      'address',
      'where /healthz, /readyz and /metrics are served (default: nowhere; without a host: loopback)',
    ),
    log: {
      severity: key(
        { oneOf: ['DEBUG', 'INFO', 'WARN', 'WARNING', 'ERROR'] },
        'least severity that is logged (default: INFO)',
      ),
      output: key('text', 'stderr, stdout or a file (default: stderr)'),
      format: {
        output: key({ oneOf: ['text', 'json'] }, 'form of the log lines (default: text)'),
      },
    },
    storage: {
      type: key(
        { oneOf: ['sqlite', 'dir', 'memory'] },
        'sqlite (dir is the same), or memory for trials (default: sqlite)',
      ),
      path: key('text', 'directory of the database (default: <data_dir>/backend)'),
      audit_sessions_uri: key(
        'directory',
        'where recordings of sessions are kept, file:///path (default: <data_dir>/recordings)',
      ),
    },
    proxy_server: key(
      'address',
      'join the Teleport cluster behind this proxy: its web port (default port: 3080)',
    ),
    auth_server: key('address', 'join the auth service at this address (default port: 3025)'),
    auth_servers: key(
      'addresses',
      'the older form: addresses of auth services, or of a proxy; tried in turn',
    ),
    auth_token: key('secret', 'the join token, or the absolute path of a file that holds it'),
    join_params: {
      method: key({ oneOf: ['token'] }, 'how to join; this version knows token (default: token)'),
      token_name: key('secret', 'the join token, or the absolute path of a file that holds it'),
    },
    ca_pin: key(
      'pins',
      'sha256:… of the authority that must vouch for the auth service; one or a list (tctl status)',
    ),
    tunnel_dial_back: key(
      'boolean',
      "no: people's connections stay within the TLS of tunnels; yes: agents open plain connections to the port of their tunnel for them, which the person's own TLS protects, where the network lets them (for proxies and agents; default: yes)",
    ),
    connection_limits: refused('limits are fixed in this version'),
  },
  auth_service: {
    enabled: key('boolean', 'run the auth service (default: yes)'),
    cluster_name: key(
      'text',
      'name of the Teleport cluster; it stands in every certificate (default: the nodename)',
    ),
    listen_addr: key('address', 'where the management API is served (default: 0.0.0.0:3025)'),
    public_addr: key(
      'addresses',
      'addresses by which others reach it; the first is told to agents',
    ),
    tokens: key(
      'tokens',
      'static join tokens, "kube:<secret>" or "proxy,kube:<secret>"; the secret may be the absolute path of a file',
    ),
    static_tokens_kube_resources: key(
      'matchers',
      'which dynamic clusters agents of these tokens may be given, like kubernetes_service.resources (default: none)',
    ),
    authentication: key(
      'authentication',
      'type: local; second_factor: otp (or on: password and one-time code) or off (default: otp)',
    ),
    session_recording: key(
      { oneOf: ['node', 'node-sync', 'proxy', 'proxy-sync', 'off'] },
      'node: sessions are recorded, roles say what happens when that is impossible; node-sync: no session without its recording; proxy is node, off records nothing (default: node)',
    ),
    session_recording_host_quota: key(
      'bytes',
      'what the recordings of one kubernetes service may take in a day, like 10GiB; 0: as much as the disk has (default: 32GiB)',
    ),
    session_recording_recipients: key(
      'recipients',
      'age recipients (age1…), one or a list: recordings are encrypted, and only they can read them (default: none)',
    ),
    session_recording_pipe_bytes: key(
      'bytes',
      'what is kept of each stream of a session without a terminal, 4MiB or a number of bytes; of the rest size and hash (default: 4MiB)',
    ),
    session_recording_retention: key(
      'retention',
      'how long recordings are kept after their session, like 90d or 2160h, an hour at least; then they are removed for good (default: forever)',
    ),
  },
  proxy_service: {
    enabled: key('boolean', 'run the proxy service (default: yes)'),
    web_listen_addr: key(
      'address',
      'the web port; every protocol can be reached through it (default: 0.0.0.0:3080)',
    ),
    listen_addr: key('address', 'SSH proxy port of the original; accepted, nothing listens there'),
    public_addr: key('addresses', 'public addresses of the web port'),
    https_key_file: key('text', 'private key of the web port, with https_cert_file'),
    https_cert_file: key('text', 'certificate of the web port'),
    https_keypairs: key('keypairs', 'list of {key_file, cert_file}; the first is used'),
    proxy_protocol: key(
      'boolean',
      'on: a load balancer in front sends PROXY protocol headers (default: off)',
    ),
    trust_x_forwarded_for: key(
      'boolean',
      'on: a load balancer in front of the web port ends TLS and writes X-Forwarded-For, whose last address is believed (default: off)',
    ),
    tunnel_listen_addr: key(
      'address',
      'a port for agents that dial out, port 3024 (default: nowhere; the web port takes them)',
    ),
    tunnel_public_addr: key(
      'addresses',
      'addresses to which agents dial out (default: those of tunnel_listen_addr, or of the web port)',
    ),
    kube_listen_addr: key('address', 'shortcut: enables Kubernetes and sets its port'),
    kube_public_addr: key('addresses', 'shortcut for kubernetes.public_addr'),
    kubernetes: {
      enabled: key('boolean', 'serve Kubernetes clients (default: no)'),
      listen_addr: key('address', 'the Kubernetes port (default: 0.0.0.0:3026)'),
      public_addr: key('addresses', 'addresses that kubeconfigs name; the first is used'),
      kubeconfig_file: key(
        'text',
        'serve the clusters of this kubeconfig, without a kubernetes_service',
      ),
    },
  },
  kubernetes_service: {
    enabled: key('boolean', 'serve Kubernetes clusters (default: no)'),
    listen_addr: key(
      'address',
      'where proxies of other machines reach this service (default: nowhere)',
    ),
    public_addr: key('addresses', 'addresses of listen_addr for others'),
    kubeconfig_file: key('text', 'each context becomes a cluster under its name'),
    kube_cluster_name: key(
      'text',
      "name of the cluster in whose pod this runs, with the pod's ServiceAccount",
    ),
    resources: key(
      'matchers',
      'serve the kube_cluster resources whose labels match one of these: a list of {labels: {name: value or list}}; * , globs and ^regex$ as in roles (default: none)',
    ),
    labels: key('labels', 'labels of every cluster of this service'),
    commands: key('commands', 'labels whose values programs print: {name, command, period}'),
    audit: key(
      { oneOf: ['strict', 'best_effort'] },
      'strict: no audit, no access; best_effort: serve even if events cannot be written (default: strict)',
    ),
  },
  ssh_service: {
    enabled: key('boolean', 'no: there is no SSH in this product'),
  },
}

export const isKey = (spec: KeySpec | SectionSpec | Refused): spec is KeySpec =>
  'type' in spec && 'says' in spec
export const isRefused = (spec: KeySpec | SectionSpec | Refused): spec is Refused =>
  'refused' in spec && typeof spec['refused'] === 'string'
