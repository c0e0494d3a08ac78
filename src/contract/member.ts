import { type Static, Type } from 'typebox'
import {
  AuditEventSchema,
  ClusterSettingsResource,
  KubeMatchers,
  Labels,
  LockResource,
  RoleResource,
  TraitsSchema,
} from './resources.ts'

/**
 * What members (services of ours in other processes) and the auth service tell each other: state downwards, events and
 * heartbeats upwards.
 */

/** Separates what the host CA signs here from everything else that it signs. */
export const MEMBER_STATE_CONTEXT = 'member state v1'

/** How long a `member.state` call waits for news at most; whoever waits longer than a little more waits for nobody. */
export const MEMBER_STATE_WAIT_MS = 25_000
/** Events in one `member.events` call. */
export const MEMBER_EVENTS_MOST = 500
/** Bytes of one `member.events` call: one event of the largest size and its frame fit in. */
export const MEMBER_EVENTS_BYTES = 4 * 1024 * 1024
/** Clusters of one service: in a heartbeat, and in a call for certificates. */
export const MEMBER_CLUSTERS_MOST = 2000

const ClusterName = Type.String({ minLength: 1, maxLength: 512 })
const Time = Type.String({ maxLength: 64, description: 'RFC 3339' })

const AddressSchema = Type.Object(
  { host: Type.String({ minLength: 1, maxLength: 253 }), port: Type.Integer() },
  { additionalProperties: false },
)

/** Where agents dial. One proxy may have several addresses, and several proxies one: that of a load balancer. */
const ProxyAddressSchema = Type.Object({
  host: Type.String(),
  port: Type.Integer(),
  host_id: Type.Optional(Type.String({ description: 'of the proxy; absent when it is not known' })),
  since_ms: Type.Optional(
    Type.Number({ description: 'when it started: who lost it knows that it is back' }),
  ),
})

/** Everything that decisions of a member read. */
export const MemberState = Type.Object({
  version: Type.Literal(1),
  roles: Type.Array(RoleResource),
  users: Type.Array(
    Type.Object({
      name: Type.String(),
      roles: Type.Array(Type.String()),
      traits: TraitsSchema,
      created_ms: Type.Number(),
    }),
  ),
  locks: Type.Array(LockResource),
  removed_hosts: Type.Optional(
    Type.Array(Type.String(), {
      description: 'host ids of services that were removed: their certificates count for nothing',
    }),
  ),
  settings: ClusterSettingsResource.properties.spec,
  user_cas: Type.Array(Type.String({ description: 'PEM' })),
  host_cas: Type.Array(Type.String({ description: 'PEM' })),
  proxies: Type.Array(ProxyAddressSchema),
  session_recording: Type.Optional(
    Type.Object(
      {
        records: Type.Boolean(),
        strict: Type.Boolean(),
        recipients: Type.Array(Type.String({ description: 'of age' })),
        pipe_bytes: Type.Integer(),
      },
      { description: 'of sessions; absent: all of them, as roles say' },
    ),
  ),
})
export type MemberState = Static<typeof MemberState>

/** What the host CA signs, as text: which state counts, at which time, and until when it may be worked with. */
export const MemberStatement = Type.Object({
  cluster: Type.String(),
  state: Type.String({ description: 'SHA-256 of the state, in hexadecimal' }),
  signed_ms: Type.Integer({ description: 'milliseconds since the epoch' }),
  expires_ms: Type.Integer({ description: 'milliseconds since the epoch' }),
})
export type MemberStatement = Static<typeof MemberStatement>

export const MemberStateQuery = Type.Object(
  {
    after: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{64}$',
        description: 'the state that the caller has: the answer waits until there is another',
      }),
    ),
    wait: Type.Optional(
      Type.Boolean({ description: 'false: the answer comes at once, whatever the caller has' }),
    ),
  },
  { additionalProperties: false },
)
export const MemberStateAnswer = Type.Object({
  statement: Type.String({ description: 'JSON, exactly as it was signed' }),
  signature: Type.String({ description: 'of the host CA, base64' }),
  state: Type.Union([Type.String(), Type.Null()], {
    description: 'JSON, exactly as it was hashed; null when it is the one that the caller has',
  }),
})

export const MemberEventsRequest = Type.Object(
  { events: Type.Array(AuditEventSchema, { minItems: 1, maxItems: MEMBER_EVENTS_MOST }) },
  { additionalProperties: false },
)
export const MemberEventsAnswer = Type.Object({
  refused: Type.Array(Type.Object({ uid: Type.String(), message: Type.String() }), {
    description: 'events that the caller may not speak for; they are not stored',
  }),
})

export const KubeHealth = Type.Union([
  Type.Literal('healthy'),
  Type.Literal('unhealthy'),
  Type.Literal('unknown'),
])
export type KubeHealth = Static<typeof KubeHealth>

const HeartbeatCluster = Type.Object(
  {
    name: ClusterName,
    labels: Type.Record(Type.String({ maxLength: 256 }), Type.String({ maxLength: 1024 })),
    unknown_labels: Type.Array(Type.String({ maxLength: 256 }), {
      maxItems: 256,
      description: 'labels whose command has given no value yet: roles take them for any value',
    }),
    health: KubeHealth,
    // Null first: validation would make an empty text of it.
    problem: Type.Union([Type.Null(), Type.String({ maxLength: 512 })]),
    since: Time,
    kubernetes_version: Type.Union([Type.Null(), Type.String({ maxLength: 64 })]),
    dynamic: Type.Optional(
      Type.Boolean({ description: 'it is served because of a kube_cluster resource' }),
    ),
  },
  { additionalProperties: false },
)

export const HeartbeatRequest = Type.Object(
  {
    version: Type.String({ maxLength: 64, description: 'of the service' }),
    address: Type.Union([Type.Null(), Type.String({ maxLength: 512 })], {
      description: 'host:port where proxies reach the service; null when it dials out',
    }),
    clusters: Type.Array(HeartbeatCluster, {
      maxItems: MEMBER_CLUSTERS_MOST,
      description: 'all that it serves; what is missing is served no longer',
    }),
  },
  { additionalProperties: false },
)
export type HeartbeatRequest = Static<typeof HeartbeatRequest>

export const ProxyHeartbeatRequest = Type.Object(
  {
    version: Type.String({ maxLength: 64, description: 'of the proxy' }),
    since_ms: Type.Integer({ minimum: 0, description: 'when it started' }),
    tunnel_addresses: Type.Array(AddressSchema, {
      maxItems: 16,
      description: 'where agents dial it; empty when it stops',
    }),
    web_address: Type.Union([Type.Null(), Type.String({ maxLength: 512 })], {
      description: 'host:port of its web port, as agents that join are told',
    }),
    kube_address: Type.Union([Type.Null(), Type.String({ maxLength: 512 })], {
      description: 'host:port that Kubernetes clients are told',
    }),
  },
  { additionalProperties: false },
)
export type ProxyHeartbeatRequest = Static<typeof ProxyHeartbeatRequest>

export const ProxyHeartbeatAnswer = Type.Object({
  direct: Type.Array(
    Type.Object({ server_name: Type.String(), addresses: Type.Array(Type.String()) }),
    { description: 'kubernetes services that are dialled, by the server names of their clusters' },
  ),
})

const Refused = Type.Array(Type.Object({ name: Type.String(), message: Type.String() }), {
  description: 'names that are not the caller’s to serve, and why',
})
export const HeartbeatAnswer = Type.Object({ refused: Refused })

export const ServerCertificatesRequest = Type.Object(
  {
    public_key: Type.String({ maxLength: 4096, description: 'PEM (SPKI), ECDSA P-256' }),
    clusters: Type.Array(ClusterName, { minItems: 1, maxItems: MEMBER_CLUSTERS_MOST }),
    dynamic: Type.Optional(
      Type.Array(ClusterName, {
        maxItems: MEMBER_CLUSTERS_MOST,
        description: 'those among them that are served because of kube_cluster resources',
      }),
    ),
  },
  { additionalProperties: false },
)
export const ServerCertificatesAnswer = Type.Object({
  certificates: Type.Array(
    Type.Object({
      name: Type.String(),
      server_name: Type.String(),
      certificate: Type.String({ description: 'PEM' }),
      expires: Time,
    }),
  ),
  refused: Refused,
})

export const ProxyCertificateRequest = Type.Object(
  {
    public_key: Type.String({ maxLength: 4096, description: 'PEM (SPKI), ECDSA P-256' }),
    names: Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
      maxItems: 32,
      description: 'names under which browsers and tsh reach the proxy',
    }),
    addresses: Type.Array(Type.String({ minLength: 1, maxLength: 45 }), {
      maxItems: 32,
      description: 'IP addresses, likewise',
    }),
  },
  { additionalProperties: false },
)
export const ProxyCertificateAnswer = Type.Object({
  certificate: Type.String({ description: 'PEM; also for the name by which agents know proxies' }),
  expires: Time,
})

/** Bytes of kubeconfigs in one answer; the others come with the next. */
export const MEMBER_KUBECONFIGS_BYTES = 4 * 1024 * 1024

export const DynamicClustersRequest = Type.Object(
  {
    resources: KubeMatchers,
    have: Type.Array(Type.String({ pattern: '^[0-9]{1,32}$' }), {
      maxItems: MEMBER_CLUSTERS_MOST,
      description:
        'revisions that the caller has: the answer waits until something else is right for him',
    }),
    withheld: Type.Optional(
      Type.Integer({ minimum: 0, description: 'as it was told last; another is told at once' }),
    ),
  },
  { additionalProperties: false },
)
export const DynamicClustersAnswer = Type.Object({
  clusters: Type.Array(
    Type.Object({
      name: Type.String(),
      revision: Type.String(),
      labels: Labels,
      kubeconfig: Type.Union([Type.Null(), Type.String()], {
        description: 'null when the caller has this revision, or when the answer is full',
      }),
    }),
    { description: 'all that the caller may serve now' },
  ),
  withheld: Type.Integer({
    description: 'clusters that the caller wants and that its join token does not give it',
  }),
})
