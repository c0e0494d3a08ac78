import type { ApiClient } from '../../client/index.ts'
import type { QueryOf, SessionKind, SessionResource } from '../../contract/index.ts'
import { CliError } from '../errors.ts'
import { everyPage } from '../every-page.ts'
import { table } from '../format.ts'

/** What `tsh sessions ls` and `tctl sessions ls` take. */
export interface SessionsFlags {
  readonly kind?: string
  readonly sessionUser?: string
  readonly kubeCluster?: string
  readonly format: string
}

const KINDS: readonly SessionKind[] = ['exec', 'attach', 'portforward']
/** Words for all of them: there are sessions in Kubernetes clusters alone. */
const EVERY = ['kube', 'k8s']
export const sessionKinds: readonly string[] = ['kube', ...KINDS]

/** What the server gives at once. */
const PAGE_ITEMS = 1000

type Query = Omit<QueryOf<'sessions.list'>, 'after' | 'limit'>

/** Throws CliError USAGE. */
export function sessionsQuery({ kind, sessionUser, kubeCluster }: SessionsFlags): Query {
  return {
    ...(kind === undefined ? {} : kindQuery(kind)),
    ...(sessionUser === undefined ? {} : { user: sessionUser }),
    ...(kubeCluster === undefined ? {} : { kube_cluster: kubeCluster }),
  }
}

function kindQuery(text: string): Query {
  if (EVERY.includes(text)) return {}
  const kind = KINDS.find((known) => known === text)
  if (kind !== undefined) return { kind }
  throw new CliError('USAGE', `--kind=${text} is no kind of session`, {
    hint: `give one of ${sessionKinds.join(', ')}; kube is all of them`,
  })
}

export const listSessions = (client: ApiClient, query: Query): Promise<SessionResource[]> =>
  everyPage((after) =>
    client.call('sessions.list', {
      query: { ...query, limit: PAGE_ITEMS, ...(after === null ? {} : { after }) },
    }),
  )

export const sessionsText = (sessions: readonly SessionResource[]): string =>
  table(
    ['ID', 'Kind', 'Created', 'Hostname', 'Address', 'Login', 'Command'],
    sessions.map((session) => [
      session.session_id,
      `k8s ${session.kind}`,
      session.started.replace(/\.\d+Z$/, 'Z'),
      hostnameOf(session),
      session.address,
      session.user,
      short(session.command.join(' ')),
    ]),
  )

/** Where a session goes: `prod/payments/web-0`. */
export const hostnameOf = ({ kube_cluster: cluster, namespace, pod }: SessionResource): string =>
  `${cluster}/${namespace}/${pod}`

/** A line that one can read; the formats for programs have more of it. */
const COMMAND_WIDTH = 60
const short = (text: string): string =>
  text.length <= COMMAND_WIDTH ? text : `${text.slice(0, COMMAND_WIDTH - 1)}…`
