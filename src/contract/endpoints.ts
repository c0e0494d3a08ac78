import { type Static, type TSchema, Type } from 'typebox'
import { Empty, type Endpoint, None, Paged, Paging, pageOf } from './endpoint.ts'
import {
  DynamicClustersAnswer,
  DynamicClustersRequest,
  HeartbeatAnswer,
  HeartbeatRequest,
  MEMBER_EVENTS_BYTES,
  MemberEventsAnswer,
  MemberEventsRequest,
  MemberStateAnswer,
  MemberStateQuery,
  ProxyCertificateAnswer,
  ProxyCertificateRequest,
  ProxyHeartbeatAnswer,
  ProxyHeartbeatRequest,
  ServerCertificatesAnswer,
  ServerCertificatesRequest,
} from './member.ts'
import { recordingViewEndpoints } from './recording-views.ts'
import { recordingEndpoints } from './recordings.ts'
import {
  AuditEventSchema,
  ClusterSettingsResource,
  InstanceResource,
  KubeClusterResource,
  KubeClusterWrite,
  KubeMatchers,
  KubeServerResource,
  Labels,
  LockResource,
  MemberServices,
  ResourceName,
  RoleResource,
  TokenResource,
  TraitsSchema,
  UserResource,
} from './resources.ts'
import { sessionEndpoints } from './sessions.ts'
import { StatsSnapshot } from './stats.ts'

const ByName = Type.Object({ name: ResourceName }, { additionalProperties: false })

const IssueRequest = Type.Object(
  {
    public_key: Type.String({ maxLength: 4096, description: 'PEM (SPKI), ECDSA P-256' }),
    ttl_ms: Type.Optional(
      Type.Integer({ minimum: 1000, description: 'asked life in milliseconds; roles may cap it' }),
    ),
  },
  { additionalProperties: false },
)

const SignRequest = Type.Object(
  {
    ...IssueRequest.properties,
    pin_address: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'IPv4 or IPv6: the only address that may use the certificate',
      }),
    ),
  },
  { additionalProperties: false },
)

const IssueResponse = Type.Object({
  certificate: Type.String({ description: 'PEM' }),
  expires: Type.String({ description: 'RFC 3339' }),
  ttl_ms: Type.Integer(),
  capped_by: Type.Union([Type.String(), Type.Null()], {
    description: 'the role whose max_session_ttl shortened the life',
  }),
  roles: Type.Array(Type.String()),
  teleport_cluster: Type.String(),
  host_ca: Type.String({ description: 'PEM of the authorities that vouch for our servers' }),
  kube_addr: Type.Union([Type.String(), Type.Null()], {
    description: 'host:port where Kubernetes clients connect',
  }),
  kube_clusters: Type.Array(KubeClusterResource),
})

const SecondFactor = Type.Union([Type.Literal('off'), Type.Literal('otp'), Type.Literal('on')], {
  description: 'off: a password alone; otp, on: a password and a one-time code',
})

/** What a client must know before it can log in. Nothing in it is secret, and nothing in it is proof of anything. */
const LoginDescription = Type.Object({
  cluster_name: Type.String(),
  version: Type.String(),
  time: Type.String({ description: 'RFC 3339: the clock of the auth service' }),
  host_ca: Type.String({
    description: 'PEM; held against a pin, or kept at first use, before it is trusted',
  }),
  second_factor: SecondFactor,
  kube_addr: Type.Union([Type.String(), Type.Null()]),
})

const Password = Type.String({ minLength: 1, maxLength: 1024 })
const OneTimeCode = Type.String({ minLength: 1, maxLength: 16 })
const InviteToken = Type.String({ pattern: '^[0-9a-f]{32}$' })

const LoginRequest = Type.Object(
  {
    user: Type.String({ minLength: 1, maxLength: 256 }),
    password: Password,
    otp: Type.Optional(OneTimeCode),
    ...IssueRequest.properties,
  },
  { additionalProperties: false },
)

const LoginResponse = Type.Object({
  ...IssueResponse.properties,
  user: Type.String(),
  traits: TraitsSchema,
})

/** A person about himself: what his certificate still gives him, as of now. */
const Self = Type.Object({
  user: Type.String(),
  roles: Type.Array(Type.String()),
  traits: TraitsSchema,
  expires: Type.String({ description: 'RFC 3339: the end of the certificate of this call' }),
  teleport_cluster: Type.String(),
  version: Type.String(),
  host_ca: Type.String(),
  kube_addr: Type.Union([Type.String(), Type.Null()]),
  kube_clusters: Type.Array(
    Type.Object({
      ...KubeClusterResource.properties,
      access: Type.Object({
        kubernetes_users: Type.Array(Type.String()),
        kubernetes_groups: Type.Array(Type.String()),
        default_user: Type.Union([Type.String(), Type.Null()]),
      }),
    }),
  ),
})

const InviteKind = Type.Union([Type.Literal('invite'), Type.Literal('reset')])
const InviteRequest = Type.Object(
  {
    kind: InviteKind,
    ttl_ms: Type.Optional(Type.Integer({ minimum: 60_000, maximum: 48 * 60 * 60 * 1000 })),
  },
  { additionalProperties: false },
)
const Invite = Type.Object({
  token: Type.String({ description: 'shown once; at rest there is only its hash' }),
  path: Type.String({ description: '`/web/invite/<token>` or `/web/reset/<token>`' }),
  url: Type.Union([Type.String(), Type.Null()], {
    description: 'null when this cluster has no web address',
  }),
  expires: Type.String({ description: 'RFC 3339' }),
})
const InviteDescription = Type.Object({
  user: Type.String(),
  kind: InviteKind,
  expires: Type.String(),
  cluster_name: Type.String(),
  second_factor: SecondFactor,
  min_password_length: Type.Integer(),
  otp: Type.Union([
    Type.Object({
      secret: Type.String({ description: 'base32' }),
      uri: Type.String({ description: 'otpauth://totp/…' }),
      qr_svg: Type.String(),
    }),
    Type.Null(),
  ]),
})

const JoinToken = Type.String({
  minLength: 1,
  maxLength: 256,
  description: 'the secret; never told again, and in no event',
})
/** What a process tells of itself, for people to read. */
const AboutMember = {
  nodename: Type.String({ minLength: 1, maxLength: 256 }),
  version: Type.String({ minLength: 1, maxLength: 64 }),
}
const MemberKey = Type.String({
  maxLength: 4096,
  description: 'PEM (SPKI), ECDSA P-256; the private key stays where it was made',
})
const HostId = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })
const ByHostId = Type.Object({ name: HostId }, { additionalProperties: false })
const KubeName = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 512 }) },
  { additionalProperties: false },
)

const Secrets = {
  with_secrets: Type.Optional(
    Type.Boolean({
      description: 'with kubeconfigs; wants `kube_cluster: update` besides, and is audited',
    }),
  ),
}
const WithSecrets = Type.Object(Secrets, { additionalProperties: false })
const PagedWithSecrets = Type.Object({ ...Paging, ...Secrets }, { additionalProperties: false })

const JoinRequest = Type.Object(
  {
    token: JoinToken,
    services: MemberServices,
    public_key: MemberKey,
    host_id: Type.Optional(HostId),
    ...AboutMember,
  },
  { additionalProperties: false },
)
const RenewRequest = Type.Object(
  { public_key: MemberKey, ...AboutMember },
  { additionalProperties: false },
)

/** What a member is from now on. */
const MemberCertificate = Type.Object({
  certificate: Type.String({ description: 'PEM' }),
  host_ca: Type.String({ description: 'PEM of the authorities that vouch for our servers' }),
  host_id: Type.String({
    description: 'another than the one that was asked for when that belongs to somebody else',
  }),
  cluster_name: Type.String(),
  services: MemberServices,
  labels: Labels,
  expires: Type.String({ description: 'RFC 3339' }),
})

const TokenRequest = Type.Object(
  {
    services: MemberServices,
    ttl_ms: Type.Optional(Type.Integer({ minimum: 60_000, maximum: 48 * 60 * 60 * 1000 })),
    labels: Type.Optional(Labels),
    kube_resources: Type.Optional(KubeMatchers),
    value: Type.Optional(
      Type.String({ maxLength: 256, description: 'the secret itself; a random one without it' }),
    ),
  },
  { additionalProperties: false },
)
const NewToken = Type.Object({
  token: Type.String({ description: 'shown once; at rest there is only its hash' }),
  resource: TokenResource,
  ca_pins: Type.Array(Type.String()),
  /** Where an agent finds this cluster. */
  proxy_addr: Type.Union([Type.String(), Type.Null()], { description: 'host:port' }),
  auth_addr: Type.Union([Type.String(), Type.Null()], { description: 'host:port' }),
})

const Status = Type.Object({
  cluster_name: Type.String(),
  version: Type.String(),
  ca_pins: Type.Array(Type.String()),
  kube_addr: Type.Union([Type.String(), Type.Null()]),
  user: Type.String({ description: 'who the caller is' }),
})

/**
 * Every endpoint. Servers register from this table, clients call through it, and the test that each of them refuses
 * a caller without the rule walks it; so none can exist beside it.
 */
export const endpoints = {
  'status.read': {
    method: 'GET',
    path: '/v1/status',
    summary: 'Name, version and CA pins of the Teleport cluster',
    rules: [{ resource: 'cluster_status', verb: 'read' }],
    params: None,
    query: None,
    body: null,
    response: Status,
  },
  'openapi.read': {
    method: 'GET',
    path: '/v1/openapi.json',
    summary: 'This document',
    rules: [{ resource: 'cluster_status', verb: 'read' }],
    params: None,
    query: None,
    body: null,
    response: Type.Record(Type.String(), Type.Unknown()),
  },
  'stats.read': {
    method: 'GET',
    path: '/v1/stats',
    summary: 'What goes through this process, as counters since its start; rates are differences',
    rules: [{ resource: 'stats', verb: 'read' }],
    params: None,
    query: None,
    body: null,
    response: StatsSnapshot,
  },
  'users.list': {
    method: 'GET',
    path: '/v1/users',
    summary: 'List local users',
    rules: [{ resource: 'user', verb: 'list' }],
    params: None,
    query: Paged,
    body: null,
    response: pageOf(UserResource),
  },
  'users.read': {
    method: 'GET',
    path: '/v1/users/:name',
    summary: 'Read one local user',
    rules: [{ resource: 'user', verb: 'read' }],
    params: ByName,
    query: None,
    body: null,
    response: UserResource,
  },
  'users.create': {
    method: 'POST',
    path: '/v1/users',
    summary: 'Create a local user; ALREADY_EXISTS when there is one',
    rules: [{ resource: 'user', verb: 'create' }],
    params: None,
    query: None,
    body: UserResource,
    response: UserResource,
  },
  'users.upsert': {
    method: 'PUT',
    path: '/v1/users/:name',
    summary: 'Create or replace a local user',
    rules: [
      { resource: 'user', verb: 'create' },
      { resource: 'user', verb: 'update' },
    ],
    params: ByName,
    query: None,
    body: UserResource,
    response: UserResource,
  },
  'users.delete': {
    method: 'DELETE',
    path: '/v1/users/:name',
    summary: 'Delete a local user; the certificates of the user stop working at once',
    rules: [{ resource: 'user', verb: 'delete' }],
    params: ByName,
    query: None,
    body: null,
    response: Empty,
  },
  'users.certificates.create': {
    method: 'POST',
    path: '/v1/users/:name/certificates',
    summary: 'Sign a public key for a user, with all roles of the user (`tctl auth sign`)',
    rules: [{ resource: 'user_certificate', verb: 'create' }],
    params: ByName,
    query: None,
    body: SignRequest,
    response: IssueResponse,
  },
  'users.invites.create': {
    method: 'POST',
    path: '/v1/users/:name/invites',
    summary: 'Make a link with which the user sets a password, once; earlier links of the user end',
    rules: [{ resource: 'user', verb: 'update' }],
    params: ByName,
    query: None,
    body: InviteRequest,
    response: Invite,
  },
  'login.describe': {
    method: 'GET',
    path: '/v1/login',
    summary: 'What a client must know before it can log in',
    rules: [],
    open: 'anyone',
    params: None,
    query: None,
    body: null,
    response: LoginDescription,
  },
  'login.create': {
    method: 'POST',
    path: '/v1/login',
    summary: 'Log a local user in: password and one-time code for a certificate',
    rules: [],
    open: 'anyone',
    params: None,
    query: None,
    body: LoginRequest,
    response: LoginResponse,
  },
  'invites.describe': {
    method: 'POST',
    path: '/v1/invites/describe',
    summary: 'Whom a link is for, and the one-time code secret that it brings',
    rules: [],
    open: 'anyone',
    params: None,
    query: None,
    body: Type.Object({ token: InviteToken }, { additionalProperties: false }),
    response: InviteDescription,
  },
  'invites.accept': {
    method: 'POST',
    path: '/v1/invites/accept',
    summary: 'Set the password of the user whose link this is, which ends the link',
    rules: [],
    open: 'anyone',
    params: None,
    query: None,
    body: Type.Object(
      { token: InviteToken, password: Password, otp: Type.Optional(OneTimeCode) },
      { additionalProperties: false },
    ),
    response: Type.Object({ user: Type.String() }),
  },
  'self.read': {
    method: 'GET',
    path: '/v1/self',
    summary: 'Who the caller is, and which Kubernetes clusters he may reach as whom',
    rules: [],
    open: 'self',
    params: None,
    query: None,
    body: null,
    response: Self,
  },
  'locks.list': {
    method: 'GET',
    path: '/v1/locks',
    summary: 'List locks',
    rules: [{ resource: 'lock', verb: 'list' }],
    params: None,
    query: Paged,
    body: null,
    response: pageOf(LockResource),
  },
  'locks.read': {
    method: 'GET',
    path: '/v1/locks/:name',
    summary: 'Read one lock',
    rules: [{ resource: 'lock', verb: 'read' }],
    params: ByName,
    query: None,
    body: null,
    response: LockResource,
  },
  'locks.create': {
    method: 'POST',
    path: '/v1/locks',
    summary: 'Lock a user or a role out; ALREADY_EXISTS when there is a lock of that name',
    rules: [{ resource: 'lock', verb: 'create' }],
    params: None,
    query: None,
    body: LockResource,
    response: LockResource,
  },
  'locks.upsert': {
    method: 'PUT',
    path: '/v1/locks/:name',
    summary: 'Create or replace a lock',
    rules: [
      { resource: 'lock', verb: 'create' },
      { resource: 'lock', verb: 'update' },
    ],
    params: ByName,
    query: None,
    body: LockResource,
    response: LockResource,
  },
  'locks.delete': {
    method: 'DELETE',
    path: '/v1/locks/:name',
    summary: 'End a lock',
    rules: [{ resource: 'lock', verb: 'delete' }],
    params: ByName,
    query: None,
    body: null,
    response: Empty,
  },
  'roles.list': {
    method: 'GET',
    path: '/v1/roles',
    summary: 'List roles',
    rules: [{ resource: 'role', verb: 'list' }],
    params: None,
    query: Paged,
    body: null,
    response: pageOf(RoleResource),
  },
  'roles.read': {
    method: 'GET',
    path: '/v1/roles/:name',
    summary: 'Read one role',
    rules: [{ resource: 'role', verb: 'read' }],
    params: ByName,
    query: None,
    body: null,
    response: RoleResource,
  },
  'roles.create': {
    method: 'POST',
    path: '/v1/roles',
    summary: 'Create a role; ALREADY_EXISTS when there is one',
    rules: [{ resource: 'role', verb: 'create' }],
    params: None,
    query: None,
    body: RoleResource,
    response: RoleResource,
  },
  'roles.upsert': {
    method: 'PUT',
    path: '/v1/roles/:name',
    summary: 'Create or replace a role',
    rules: [
      { resource: 'role', verb: 'create' },
      { resource: 'role', verb: 'update' },
    ],
    params: ByName,
    query: None,
    body: RoleResource,
    response: RoleResource,
  },
  'roles.delete': {
    method: 'DELETE',
    path: '/v1/roles/:name',
    summary: 'Delete a role; refused while users have it',
    rules: [{ resource: 'role', verb: 'delete' }],
    params: ByName,
    query: None,
    body: null,
    response: Empty,
  },
  'cluster_settings.read': {
    method: 'GET',
    path: '/v1/cluster_settings',
    summary: 'Read the settings of the Teleport cluster',
    rules: [{ resource: 'cluster_settings', verb: 'read' }],
    params: None,
    query: None,
    body: null,
    response: ClusterSettingsResource,
  },
  'cluster_settings.update': {
    method: 'PUT',
    path: '/v1/cluster_settings',
    summary: 'Replace the settings of the Teleport cluster',
    rules: [{ resource: 'cluster_settings', verb: 'update' }],
    params: None,
    query: None,
    body: ClusterSettingsResource,
    response: ClusterSettingsResource,
  },
  'kube_clusters.list': {
    method: 'GET',
    path: '/v1/kube_clusters',
    summary:
      'List the Kubernetes clusters that the caller may reach, and the dynamic ones that he may change',
    rules: [{ resource: 'kube_cluster', verb: 'list' }],
    params: None,
    query: PagedWithSecrets,
    body: null,
    response: pageOf(KubeClusterResource),
  },
  'kube_clusters.read': {
    method: 'GET',
    path: '/v1/kube_clusters/:name',
    summary: 'Read one Kubernetes cluster that the caller may reach or change',
    rules: [{ resource: 'kube_cluster', verb: 'read' }],
    params: KubeName,
    query: WithSecrets,
    body: null,
    response: KubeClusterResource,
  },
  'kube_clusters.create': {
    method: 'POST',
    path: '/v1/kube_clusters',
    summary: 'Create a dynamic Kubernetes cluster: services with matching resources serve it',
    rules: [{ resource: 'kube_cluster', verb: 'create' }],
    params: None,
    query: None,
    body: KubeClusterWrite,
    response: KubeClusterResource,
  },
  'kube_clusters.upsert': {
    method: 'PUT',
    path: '/v1/kube_clusters/:name',
    summary: 'Create or replace a dynamic Kubernetes cluster',
    rules: [
      { resource: 'kube_cluster', verb: 'create' },
      { resource: 'kube_cluster', verb: 'update' },
    ],
    params: ByName,
    query: None,
    body: KubeClusterWrite,
    response: KubeClusterResource,
  },
  'kube_clusters.delete': {
    method: 'DELETE',
    path: '/v1/kube_clusters/:name',
    summary: 'Delete a dynamic Kubernetes cluster, or forget another one that is offline',
    rules: [{ resource: 'kube_cluster', verb: 'delete' }],
    params: KubeName,
    query: None,
    body: null,
    response: Empty,
  },
  'join.create': {
    method: 'POST',
    path: '/v1/join',
    summary: 'Join a proxy or a kubernetes service: a token and a public key for a certificate',
    rules: [],
    open: 'anyone',
    params: None,
    query: None,
    body: JoinRequest,
    response: MemberCertificate,
  },
  'member.certificate': {
    method: 'POST',
    path: '/v1/member/certificate',
    summary: 'Renew the certificate of the calling member',
    rules: [],
    open: 'member',
    members: ['kube', 'proxy'],
    params: None,
    query: None,
    body: RenewRequest,
    response: MemberCertificate,
  },
  'tokens.list': {
    method: 'GET',
    path: '/v1/tokens',
    summary: 'List join tokens; none of them tells its secret',
    rules: [{ resource: 'token', verb: 'list' }],
    params: None,
    query: None,
    body: null,
    response: pageOf(TokenResource),
  },
  'tokens.read': {
    method: 'GET',
    path: '/v1/tokens/:name',
    summary: 'Read one join token, by name and not by secret',
    rules: [{ resource: 'token', verb: 'read' }],
    params: ByName,
    query: None,
    body: null,
    response: TokenResource,
  },
  'tokens.create': {
    method: 'POST',
    path: '/v1/tokens',
    summary: 'Make a join token for some services and some time',
    rules: [{ resource: 'token', verb: 'create' }],
    params: None,
    query: None,
    body: TokenRequest,
    response: NewToken,
  },
  'tokens.delete': {
    method: 'DELETE',
    path: '/v1/tokens/:name',
    summary: 'End a join token; who joined with it stays',
    rules: [{ resource: 'token', verb: 'delete' }],
    params: ByName,
    query: None,
    body: null,
    response: Empty,
  },
  'members.list': {
    method: 'GET',
    path: '/v1/instances',
    summary: 'List the proxies and kubernetes services that joined',
    rules: [{ resource: 'instance', verb: 'list' }],
    params: None,
    query: Paged,
    body: null,
    response: pageOf(InstanceResource),
  },
  'members.read': {
    method: 'GET',
    path: '/v1/instances/:name',
    summary: 'Read one process that joined, by its host id',
    rules: [{ resource: 'instance', verb: 'read' }],
    params: ByHostId,
    query: None,
    body: null,
    response: InstanceResource,
  },
  'members.delete': {
    method: 'DELETE',
    path: '/v1/instances/:name',
    summary: 'Remove a process that joined: its calls are refused, its certificate ends unrenewed',
    rules: [{ resource: 'instance', verb: 'delete' }],
    params: ByHostId,
    query: None,
    body: null,
    response: Empty,
  },
  'kube_servers.list': {
    method: 'GET',
    path: '/v1/kube_servers',
    summary: 'List which process serves which Kubernetes cluster, and whom the names belong to',
    rules: [{ resource: 'kube_server', verb: 'list' }],
    params: None,
    query: None,
    body: null,
    response: pageOf(KubeServerResource),
  },
  'kube_servers.delete': {
    method: 'DELETE',
    path: '/v1/kube_servers/:name',
    summary: "Free a Kubernetes cluster's name: the next one who serves it gets it",
    rules: [{ resource: 'kube_server', verb: 'delete' }],
    params: KubeName,
    query: None,
    body: null,
    response: Empty,
  },
  'events.list': {
    method: 'GET',
    path: '/v1/events',
    summary: 'Search the audit log',
    rules: [{ resource: 'event', verb: 'list' }],
    params: None,
    query: Type.Object(
      {
        ...Paging,
        user: Type.Optional(Type.String({ maxLength: 256 })),
        kube_cluster: Type.Optional(Type.String({ maxLength: 512 })),
        event: Type.Optional(
          Type.String({ maxLength: 1024, description: 'event names, comma-separated' }),
        ),
        from: Type.Optional(Type.String({ maxLength: 64, description: 'RFC 3339, inclusive' })),
        to: Type.Optional(Type.String({ maxLength: 64, description: 'RFC 3339, exclusive' })),
        order: Type.Optional(
          Type.Union([Type.Literal('asc'), Type.Literal('desc'), Type.Literal('arrival')], {
            description:
              'by time; or by arrival: without "after" no events, but where what comes from now on begins, and "next" is never null',
          }),
        ),
      },
      { additionalProperties: false },
    ),
    body: null,
    response: pageOf(AuditEventSchema),
  },
  'member.state': {
    method: 'GET',
    path: '/v1/member/state',
    summary: 'What a service of ours decides by, signed; waits for news',
    rules: [],
    open: 'member',
    members: ['kube', 'proxy'],
    params: None,
    query: MemberStateQuery,
    body: null,
    response: MemberStateAnswer,
  },
  'member.events': {
    method: 'POST',
    path: '/v1/member/events',
    summary: 'Deliver audit events; each is stored once, however often it is delivered',
    rules: [],
    open: 'member',
    members: ['kube', 'proxy'],
    maxBodyBytes: MEMBER_EVENTS_BYTES,
    params: None,
    query: None,
    body: MemberEventsRequest,
    response: MemberEventsAnswer,
  },
  'member.heartbeat': {
    method: 'POST',
    path: '/v1/member/heartbeat',
    summary: 'Which Kubernetes clusters a service serves, and how they are',
    rules: [],
    open: 'member',
    members: ['kube'],
    maxBodyBytes: MEMBER_EVENTS_BYTES,
    params: None,
    query: None,
    body: HeartbeatRequest,
    response: HeartbeatAnswer,
  },
  'member.proxy_heartbeat': {
    method: 'POST',
    path: '/v1/member/proxy_heartbeat',
    summary: 'Where a proxy is reached; answers with the kubernetes services that it reaches',
    rules: [],
    open: 'member',
    members: ['proxy'],
    params: None,
    query: None,
    body: ProxyHeartbeatRequest,
    response: ProxyHeartbeatAnswer,
  },
  'member.server_certificates': {
    method: 'POST',
    path: '/v1/member/server_certificates',
    summary: 'Certify the key of a service for the Kubernetes clusters that it serves',
    rules: [],
    open: 'member',
    members: ['kube'],
    params: None,
    query: None,
    body: ServerCertificatesRequest,
    response: ServerCertificatesAnswer,
  },
  'member.kube_clusters': {
    method: 'POST',
    path: '/v1/member/kube_clusters',
    summary: 'The dynamic Kubernetes clusters that a service is to serve; waits for news',
    rules: [],
    open: 'member',
    members: ['kube'],
    params: None,
    query: None,
    body: DynamicClustersRequest,
    response: DynamicClustersAnswer,
  },
  'member.proxy_certificate': {
    method: 'POST',
    path: '/v1/member/proxy_certificate',
    summary: 'Certify the key of a proxy for its own names',
    rules: [],
    open: 'member',
    members: ['proxy'],
    params: None,
    query: None,
    body: ProxyCertificateRequest,
    response: ProxyCertificateAnswer,
  },
  ...recordingEndpoints,
  ...recordingViewEndpoints,
  ...sessionEndpoints,
} as const satisfies Record<string, Endpoint>

export type EndpointName = keyof typeof endpoints
type Table = typeof endpoints

export type ParamsOf<N extends EndpointName> = Static<Table[N]['params']>
export type QueryOf<N extends EndpointName> = Static<Table[N]['query']>
export type BodyOf<N extends EndpointName> = Table[N]['body'] extends TSchema
  ? Static<Table[N]['body']>
  : undefined
export type ResponseOf<N extends EndpointName> = Static<Table[N]['response']>

/** The body of every answer that is not 2xx. */
export const ApiErrorBody = Type.Object({
  error: Type.Object({
    code: Type.String({ description: 'stable, see docs/errors.md' }),
    message: Type.String(),
  }),
})
export type ApiErrorBody = Static<typeof ApiErrorBody>

/** Fills `:params` of an endpoint's path. */
export function buildPath(endpoint: Endpoint, params: Readonly<Record<string, string>>): string {
  return endpoint.path.replace(/:([a-z_]+)/g, (_, name: string) => {
    const value = params[name]
    if (value === undefined) throw new TypeError(`"${name}" is missing for ${endpoint.path}`)
    return encodeURIComponent(value)
  })
}
