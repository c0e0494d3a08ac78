import { Type } from 'typebox'
import { Empty, type Endpoint, None, Paged, pageOf } from './endpoint.ts'
import { ByName, KubeClusterResource, TraitsSchema, UserResource } from './resources.ts'

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

/** People: users, how they log in, and what they learn of themselves. */
export const peopleEndpoints = {
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
} as const satisfies Record<string, Endpoint>
