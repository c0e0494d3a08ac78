import { Type } from 'typebox'
import { Empty, type Endpoint, None, Paged, pageOf } from './endpoint.ts'
import {
  ByName,
  ID_PATTERN,
  InstanceResource,
  KubeMatchers,
  Labels,
  MemberServices,
  TokenResource,
} from './resources.ts'

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

const HostId = Type.String({ pattern: ID_PATTERN })

const ByHostId = Type.Object({ name: HostId }, { additionalProperties: false })

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

/** Members of the Teleport cluster: how they come in, and who they are. */
export const joiningEndpoints = {
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
} as const satisfies Record<string, Endpoint>
