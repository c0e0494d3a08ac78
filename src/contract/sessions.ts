import { type Static, Type } from 'typebox'
import { type Endpoint, Next, None, Paging } from './endpoint.ts'
import { ID_PATTERN } from './resources.ts'

/** Sessions that go on: services say which, people look at them and end them. */

/** How often a service says that its sessions go on; what changes it says at once. */
export const SESSIONS_BEAT_MS = 5000
/** Sessions that one call brings. */
export const SESSIONS_AT_ONCE = 200
/** Sessions of one service that are known; further ones go on, but are on no list. */
export const SESSIONS_MOST = 20_000
/** Characters of a session's command that are told; the whole of it is in the audit log. */
export const SESSION_COMMAND_CHARS = 512
/** Words of it. */
export const SESSION_COMMAND_WORDS = 32
/** Sessions of one person at one service that a call for a lease names: no limit above this is kept exactly. */
export const SESSION_LEASE_NAMES = 1000
/** Of a call that brings sessions: SESSIONS_AT_ONCE of the largest fit in. */
const SESSIONS_BYTES = 4 * 1024 * 1024

const Word = (maxLength: number): ReturnType<typeof Type.String> => Type.String({ maxLength })
const Time = Type.String({ maxLength: 64, description: 'RFC 3339' })
const SessionId = Type.String({ pattern: ID_PATTERN })
const UserName = Type.String({ minLength: 1, maxLength: 256 })
const ClusterName = Type.String({ minLength: 1, maxLength: 512 })

export const SessionKind = Type.Union([
  Type.Literal('exec'),
  Type.Literal('attach'),
  Type.Literal('portforward'),
])
export type SessionKind = Static<typeof SessionKind>

/** What a service says of a session. What is not known is empty. */
const ReportedSession = Type.Object(
  {
    session_id: SessionId,
    kind: SessionKind,
    user: UserName,
    kube_cluster: ClusterName,
    namespace: Word(253),
    pod: Word(253),
    container: Word(253),
    node: Word(253),
    image: Word(1024),
    command: Type.Array(Word(SESSION_COMMAND_CHARS), {
      maxItems: SESSION_COMMAND_WORDS,
      description: `empty for an attach; cut to ${SESSION_COMMAND_CHARS} characters, the last word then ends with an ellipsis`,
    }),
    tty: Type.Boolean(),
    protocol: Type.String({ maxLength: 64, description: 'what the client speaks' }),
    address: Type.String({ maxLength: 64, description: 'ip:port of the client' }),
    started: Time,
    recording: Type.Boolean({ description: 'what goes through is recorded' }),
  },
  { additionalProperties: false },
)
export type ReportedSession = Static<typeof ReportedSession>

/** A session as people see it. */
export const SessionResource = Type.Object({
  ...ReportedSession.properties,
  server_id: Type.String({ description: 'the kubernetes service through which it goes' }),
})
export type SessionResource = Static<typeof SessionResource>

const SessionsReport = Type.Object(
  {
    series: Type.String({
      pattern: '^[0-9a-f]{32}$',
      description: 'names a row of calls that build on each other',
    }),
    number: Type.Integer({
      minimum: 0,
      description: 'of the call within its series; the one with 0 forgets what was known before',
    }),
    began: Type.Array(ReportedSession, { maxItems: SESSIONS_AT_ONCE }),
    ended: Type.Array(SessionId, { maxItems: SESSIONS_MOST }),
  },
  { additionalProperties: false },
)
export type SessionsReport = Static<typeof SessionsReport>

const SessionsAnswer = Type.Object({
  known: Type.Boolean({
    description: 'false: the calls before this one are not known; begin a new series',
  }),
  refused: Type.Array(Type.Object({ session_id: Type.String(), message: Type.String() }), {
    description: 'sessions that the caller may not speak for',
  }),
})

const Message = Type.String({
  maxLength: 512,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
  description: 'told to whoever’s session ends',
})

const OrderId = Type.String({ pattern: '^[0-9a-f]{32}$' })
const OrdersAnswer = Type.Object({
  orders: Type.Array(
    Type.Object({
      id: OrderId,
      session_id: SessionId,
      user: Type.String({ description: 'who wants it to end' }),
      message: Type.String(),
    }),
    { description: 'told again until they are done' },
  ),
})

const LeaseRequest = Type.Object(
  {
    session_id: SessionId,
    user: UserName,
    max: Type.Integer({ minimum: 1 }),
    here: Type.Array(SessionId, {
      maxItems: SESSION_LEASE_NAMES,
      description: 'sessions of this person that go on, or begin, at the calling service',
    }),
  },
  { additionalProperties: false },
)

export const sessionEndpoints = {
  'sessions.list': {
    method: 'GET',
    path: '/v1/sessions',
    summary:
      'List sessions that go on, newest first: those that `session_tracker: list` shows, and the caller’s own',
    rules: [],
    open: 'people',
    params: None,
    query: Type.Object(
      {
        ...Paging,
        kind: Type.Optional(SessionKind),
        user: Type.Optional(Word(256)),
        kube_cluster: Type.Optional(Word(512)),
      },
      { additionalProperties: false },
    ),
    body: null,
    response: Type.Object({ items: Type.Array(SessionResource), next: Next }),
  },
  'sessions.remove': {
    method: 'POST',
    path: '/v1/sessions/:id/remove',
    summary:
      'End a session that `session_tracker: delete` gives into the caller’s hand, or his own; audited',
    rules: [],
    open: 'people',
    params: Type.Object({ id: SessionId }, { additionalProperties: false }),
    query: None,
    body: Type.Object({ message: Type.Optional(Message) }, { additionalProperties: false }),
    response: Type.Object({
      session: SessionResource,
      ended: Type.Boolean({
        description: 'false: its service did not answer yet; it ends it as soon as it hears of it',
      }),
    }),
  },
  'member.sessions': {
    method: 'POST',
    path: '/v1/member/sessions',
    summary: 'Which sessions began and ended at a service; also said when none did',
    rules: [],
    open: 'member',
    members: ['kube'],
    maxBodyBytes: SESSIONS_BYTES,
    params: None,
    query: None,
    body: SessionsReport,
    response: SessionsAnswer,
  },
  'member.session_orders': {
    method: 'POST',
    path: '/v1/member/session_orders',
    summary: 'Which sessions a service is to end; waits for news',
    rules: [],
    open: 'member',
    members: ['kube'],
    params: None,
    query: None,
    body: Type.Object(
      {
        done: Type.Array(OrderId, { maxItems: 1000, description: 'orders that were carried out' }),
      },
      { additionalProperties: false },
    ),
    response: OrdersAnswer,
  },
  'member.session_lease': {
    method: 'POST',
    path: '/v1/member/session_lease',
    summary: 'May a person begin one more session, counted over all services?',
    rules: [],
    open: 'member',
    members: ['kube'],
    params: None,
    query: None,
    body: LeaseRequest,
    response: Type.Object({
      granted: Type.Boolean(),
      sessions: Type.Integer({ description: 'that go on or begin, without this one' }),
    }),
  },
} as const satisfies Record<string, Endpoint>

/** As much of a command as is told; its last word ends with an ellipsis when something is missing. */
export function shortCommand(command: readonly string[]): string[] {
  const told: string[] = []
  let left = SESSION_COMMAND_CHARS
  for (const word of command) {
    const isLast = told.length === SESSION_COMMAND_WORDS - 1
    const isCut = word.length > left || (isLast && command.length > SESSION_COMMAND_WORDS)
    if (isCut) return [...told, `${word.slice(0, Math.max(0, left - 1)).toWellFormed()}…`]
    told.push(word)
    left -= word.length
  }
  return told
}
