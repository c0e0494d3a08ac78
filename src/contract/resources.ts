import { type Static, Type } from 'typebox'

export const RESOURCE_NAME_PATTERN = '^[A-Za-z0-9_][A-Za-z0-9._@:+-]*$'

/** Of sessions, and of hosts: a UUID. */
export const ID_PATTERN = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'

/** Names of resources: visible ASCII without '/', so that they fit into URLs, file names and certificates. */
export const ResourceName = Type.String({
  minLength: 1,
  maxLength: 128,
  pattern: RESOURCE_NAME_PATTERN,
  description: 'letters, digits and . _ @ : + -',
})

export const Labels = Type.Record(Type.String({ maxLength: 256 }), Type.String({ maxLength: 1024 }))

export const Metadata = Type.Object(
  {
    name: ResourceName,
    description: Type.Optional(Type.String({ maxLength: 1024 })),
    labels: Type.Optional(Labels),
    created: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'RFC 3339; noted by the auth service, whatever a write says',
      }),
    ),
    revision: Type.Optional(
      Type.String({
        maxLength: 32,
        pattern: '^[0-9]+$',
        description: 'opaque; a write that carries an outdated one is refused with CONFLICT',
      }),
    ),
  },
  { additionalProperties: false },
)

const StringList = Type.Array(Type.String({ maxLength: 4096 }), { maxItems: 1000 })
const OneOrMore = Type.Union([Type.String({ maxLength: 4096 }), StringList])

const RoleConditions = Type.Object(
  {
    logins: Type.Optional(StringList),
    kubernetes_groups: Type.Optional(StringList),
    kubernetes_users: Type.Optional(StringList),
    kubernetes_labels: Type.Optional(Type.Record(Type.String(), OneOrMore)),
    kubernetes_resources: Type.Optional(
      Type.Array(Type.Record(Type.String(), Type.Unknown()), { maxItems: 1000 }),
    ),
    rules: Type.Optional(
      Type.Array(
        Type.Object(
          { resources: StringList, verbs: StringList },
          { additionalProperties: false, description: 'which API endpoints a role opens' },
        ),
        { maxItems: 1000 },
      ),
    ),
  },
  {
    additionalProperties: true,
    description: 'fields beyond these are judged by name: kept, or refused with the reason',
  },
)

/** A role, v3 to v8. What the schema leaves open is judged when the role is written. */
export const RoleResource = Type.Object(
  {
    kind: Type.Literal('role'),
    version: Type.Union([
      Type.Literal('v3'),
      Type.Literal('v4'),
      Type.Literal('v5'),
      Type.Literal('v6'),
      Type.Literal('v7'),
      Type.Literal('v8'),
    ]),
    metadata: Metadata,
    spec: Type.Object(
      {
        options: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
        allow: Type.Optional(RoleConditions),
        deny: Type.Optional(RoleConditions),
      },
      { additionalProperties: true },
    ),
  },
  { additionalProperties: false, description: 'a role' },
)
export type RoleResource = Static<typeof RoleResource>

export const TraitsSchema = Type.Record(Type.String({ minLength: 1, maxLength: 256 }), StringList)

/** How a local user's logins stand. */
const UserStatus = Type.Object(
  {
    password_set: Type.Boolean({ description: 'false: only signed certificates work' }),
    last_login: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'RFC 3339: when password and code were right last',
      }),
    ),
    locked_until: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'RFC 3339: after failed attempts, no login of this name is looked at before',
      }),
    ),
  },
  {
    additionalProperties: true,
    description: 'told when it is read; what is written of it is ignored',
  },
)

/** A local user: a person or a robot. */
export const UserResource = Type.Object(
  {
    kind: Type.Literal('user'),
    version: Type.Literal('v2'),
    metadata: Metadata,
    spec: Type.Object(
      {
        roles: Type.Array(ResourceName, { maxItems: 100 }),
        traits: Type.Optional(TraitsSchema),
      },
      { additionalProperties: false },
    ),
    status: Type.Optional(UserStatus),
  },
  { additionalProperties: false, description: 'a local user' },
)
export type UserResource = Static<typeof UserResource>

/** Who is locked out: all that is named must match. At least one is. */
const LockTarget = Type.Object(
  {
    user: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    role: Type.Optional(ResourceName),
    server_id: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description: 'the host id of a service of ours (`tctl inventory ls`); it stands alone',
      }),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
)

/** A lock: whom it names is refused at once, and what is underway is cut. */
export const LockResource = Type.Object(
  {
    kind: Type.Literal('lock'),
    version: Type.Literal('v2'),
    metadata: Metadata,
    spec: Type.Object(
      {
        target: LockTarget,
        message: Type.Optional(
          Type.String({ maxLength: 1024, description: 'told to whom it locks out' }),
        ),
        expires: Type.Optional(
          Type.String({ maxLength: 64, description: 'RFC 3339; without it: never' }),
        ),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false, description: 'a lock' },
)
export type LockResource = Static<typeof LockResource>

/** Settings of the whole Teleport cluster. There is one, named `cluster-settings`. */
export const ClusterSettingsResource = Type.Object(
  {
    kind: Type.Literal('cluster_settings'),
    version: Type.Literal('v1'),
    metadata: Metadata,
    spec: Type.Object(
      {
        default_session_ttl: Type.Optional(
          Type.String({ maxLength: 32, description: 'how long a certificate lives, 12h' }),
        ),
        audit_retention: Type.Optional(
          Type.String({
            maxLength: 32,
            description: 'how long audit events are kept, 8760h; at least 24h',
          }),
        ),
        offline_access_ttl: Type.Optional(
          Type.String({
            maxLength: 32,
            description:
              'how long services go on by what they know while the auth service is away, 12h; at least 10m, at most 360h',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false, description: 'settings of the Teleport cluster' },
)
export type ClusterSettingsResource = Static<typeof ClusterSettingsResource>

/** A kubeconfig of one cluster, with a CA and a certificate, is some 6 KB. */
const MAX_KUBECONFIG_CHARS = 256 * 1024

/** What a Kubernetes cluster is that somebody wrote down, and no service brought along. */
const KubeClusterSpec = Type.Object(
  {
    kubeconfig: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_KUBECONFIG_CHARS,
        description:
          'text or base64; told only when secrets are asked for; a write without it leaves what is stored',
      }),
    ),
    server: Type.Optional(
      Type.String({ maxLength: 4096, description: 'of the kubeconfig; only told' }),
    ),
  },
  { additionalProperties: false },
)

const Expires = Type.Optional(
  Type.String({ maxLength: 64, description: 'RFC 3339: when it ceases to exist' }),
)

/**
 * A Kubernetes cluster that the caller may reach: one that a service registered by itself, or, with a `spec`, one that was
 * written down (a dynamic one), which services with matching `resources` pick up.
 */
export const KubeClusterResource = Type.Object(
  {
    kind: Type.Literal('kube_cluster'),
    version: Type.Literal('v3'),
    metadata: Type.Object({
      name: Type.String(),
      description: Type.Optional(Type.String()),
      labels: Labels,
      expires: Expires,
      created: Type.Optional(Type.String()),
      revision: Type.Optional(Type.String()),
    }),
    spec: Type.Optional(KubeClusterSpec),
    status: Type.Object({
      server_name: Type.String({
        description: 'the TLS server name (`tls-server-name`) of the cluster',
      }),
      online: Type.Boolean(),
      last_seen: Type.String({ description: 'RFC 3339' }),
      health: Type.Optional(
        Type.Union(
          [
            Type.Literal('healthy'),
            Type.Literal('unhealthy'),
            Type.Literal('unknown'),
            Type.Literal('offline'),
          ],
          { description: 'what the service that is best off says; offline: no service serves it' },
        ),
      ),
      problem: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      since: Type.Optional(Type.String({ description: 'RFC 3339: since when its health is so' })),
      services: Type.Optional(
        Type.Integer({ description: 'how many services of ours serve it now' }),
      ),
      version: Type.Optional(
        Type.Union([Type.String(), Type.Null()], { description: 'of the service' }),
      ),
      kubernetes_version: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    }),
  },
  { description: 'a Kubernetes cluster' },
)
export type KubeClusterResource = Static<typeof KubeClusterResource>

/** A dynamic cluster as it is written. */
export const KubeClusterWrite = Type.Object(
  {
    kind: Type.Literal('kube_cluster'),
    version: Type.Literal('v3'),
    metadata: Type.Object(
      { ...Metadata.properties, expires: Expires },
      { additionalProperties: false },
    ),
    spec: KubeClusterSpec,
    status: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'told when it is read; what is written of it is ignored',
      }),
    ),
  },
  { additionalProperties: false, description: 'a Kubernetes cluster with its kubeconfig' },
)
export type KubeClusterWrite = Static<typeof KubeClusterWrite>

/** Which dynamic clusters somebody wants or may have; one that matches is enough. */
export const KubeMatchers = Type.Array(
  Type.Object(
    { labels: Type.Record(Type.String({ maxLength: 256 }), OneOrMore) },
    { additionalProperties: false },
  ),
  { maxItems: 100 },
)
export type KubeMatchers = Static<typeof KubeMatchers>

/** What may join over the network. */
export const MemberServices = Type.Array(
  Type.Union([Type.Literal('kube'), Type.Literal('proxy')]),
  { minItems: 1, maxItems: 2, uniqueItems: true },
)

/** A join token, without its secret: `metadata.name` only tells tokens apart. Made by `tokens.create`, never written. */
export const TokenResource = Type.Object(
  {
    kind: Type.Literal('token'),
    version: Type.Literal('v2'),
    metadata: Type.Object({
      name: Type.String(),
      labels: Labels,
      expires: Type.Optional(Type.String({ description: 'RFC 3339' })),
    }),
    spec: Type.Object({
      roles: MemberServices,
      join_method: Type.Literal('token'),
      kube_resources: Type.Optional(KubeMatchers),
    }),
    status: Type.Object({
      static: Type.Boolean({ description: 'it stands in teleport.yaml and does not expire' }),
    }),
  },
  { description: 'a join token' },
)
export type TokenResource = Static<typeof TokenResource>

/** A process of ours that joined. Read-only. */
export const InstanceResource = Type.Object(
  {
    kind: Type.Literal('instance'),
    version: Type.Literal('v1'),
    metadata: Type.Object({
      name: Type.String({ description: 'the host id' }),
      labels: Labels,
    }),
    spec: Type.Object({
      hostname: Type.String(),
      services: MemberServices,
      version: Type.String(),
      token: Type.String({
        description: 'the name of the token with which it joined: its lineage',
      }),
      address: Type.String(),
    }),
    status: Type.Object({
      online: Type.Boolean(),
      last_seen: Type.String({ description: 'RFC 3339' }),
      joined: Type.String({ description: 'RFC 3339' }),
      certificate_expires: Type.String({ description: 'RFC 3339' }),
      locked: Type.Optional(
        Type.String({ description: 'why it is refused now: a lock is in force against it' }),
      ),
    }),
  },
  { description: 'a process that joined' },
)
export type InstanceResource = Static<typeof InstanceResource>

/** One process that serves a Kubernetes cluster, or a name that belongs to a lineage while nobody serves it. Read-only. */
export const KubeServerResource = Type.Object(
  {
    kind: Type.Literal('kube_server'),
    version: Type.Literal('v3'),
    metadata: Type.Object({ name: Type.String(), labels: Labels }),
    spec: Type.Object({
      host_id: Type.Union([Type.String(), Type.Null()]),
      hostname: Type.String(),
      version: Type.String(),
      token: Type.String({ description: 'the lineage that the name belongs to' }),
    }),
    status: Type.Object({
      online: Type.Boolean(),
      last_seen: Type.Union([Type.String({ description: 'RFC 3339' }), Type.Null()]),
    }),
  },
  { description: 'who serves a Kubernetes cluster' },
)
export type KubeServerResource = Static<typeof KubeServerResource>

/** One event of the audit log: fields as documented in docs/audit-schema.md. */
export const AuditEventSchema = Type.Object(
  {
    event: Type.String(),
    code: Type.String(),
    time: Type.String(),
    uid: Type.String(),
    cluster_name: Type.String(),
  },
  { additionalProperties: true, description: 'an audit event' },
)
export type AuditEventResource = Static<typeof AuditEventSchema>

export const ByName = Type.Object({ name: ResourceName }, { additionalProperties: false })
