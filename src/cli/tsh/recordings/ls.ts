import type { QueryOf, RecordingResource } from '../../../contract/index.ts'
import { durationFlag } from '../../duration-flag.ts'
import { CliError } from '../../errors.ts'
import { parseFormat, render, table } from '../../format.ts'
import { print, say } from '../../io.ts'
import type { TshContext } from '../context.ts'
import { openSession } from '../session.ts'
import { instant } from '../time.ts'

export interface RecordingsLsFlags {
  readonly fromUtc?: string
  readonly toUtc?: string
  readonly last?: string
  readonly limit: string
  readonly kubeCluster?: string
  readonly cluster?: string
  readonly sessionUser?: string
  readonly namespace?: string
  readonly pod?: string
  readonly format: string
}

type Query = QueryOf<'recordings.list'>

const DAY_MS = 24 * 60 * 60 * 1000
/** What the server gives at once. */
const PAGE_ITEMS = 1000

/** `tsh recordings ls` */
export async function recordingsLs(context: TshContext, flags: RecordingsLsFlags): Promise<void> {
  const { io, now } = context.world
  const format = parseFormat(flags.format)
  const limit = parseLimit(flags.limit)
  const query = listQuery(flags, now())
  using session = await openSession(context)
  const found: RecordingResource[] = []
  let after: string | null = null
  do {
    const page: { items: RecordingResource[]; next: string | null } = await session.client.call(
      'recordings.list',
      {
        query: {
          ...query,
          limit: Math.min(PAGE_ITEMS, limit - found.length),
          ...(after === null ? {} : { after }),
        },
      },
    )
    found.push(...page.items)
    after = page.next
  } while (after !== null && found.length < limit)
  print(
    io,
    render(format, found, (all) => table(HEADERS, all.map(rowOf))),
  )
  if (format !== 'text') return
  if (found.length === 0) say(io, `tsh: there is none that you may see${sinceWords(query)}`)
  else if (after !== null) say(io, `tsh: there are more: --limit shows more than ${limit}`)
}

const HEADERS = ['ID', 'Type', 'Participants', 'Hostname', 'Timestamp', 'Duration', 'State']

const rowOf = (recording: RecordingResource): string[] => [
  recording.session_id,
  `k8s ${recording.kind}`,
  recording.user,
  `${recording.kube_cluster}/${recording.namespace}/${recording.pod}`,
  instant(Date.parse(recording.started)),
  recording.duration_ms === null ? '' : spanText(recording.duration_ms),
  recording.encrypted ? `${recording.state}, encrypted` : recording.state,
]

/** `1h02m03s`, `2m03s`, `0.4s`. */
function spanText(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)}s`
  const two = (value: number): string => String(value).padStart(2, '0')
  const rest = `${two(seconds % 60)}s`
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes}m${rest}`
    : `${Math.floor(minutes / 60)}h${two(minutes % 60)}m${rest}`
}

const sinceWords = ({ from }: Query): string =>
  from === undefined ? '' : ` since ${instant(Date.parse(from))}`

/** The flags as the server takes them. Without any time it is the last day. Throws CliError USAGE. */
export function listQuery(
  flags: Omit<RecordingsLsFlags, 'format' | 'limit'>,
  nowMs: number,
): Query {
  const { fromUtc, toUtc, last } = flags
  if (last !== undefined && (fromUtc !== undefined || toUtc !== undefined)) {
    throw new CliError('USAGE', '--last says when by itself: leave --from-utc and --to-utc out')
  }
  const backMs = last !== undefined ? durationFlag('--last', last) : DAY_MS
  const fromMs =
    fromUtc === undefined ? Math.max(0, nowMs - backMs) : parseUtc('--from-utc', fromUtc)
  const toMs = toUtc === undefined ? null : parseUtc('--to-utc', toUtc)
  // Who names an end alone means everything before it.
  const isOpen = fromUtc === undefined && toUtc !== undefined
  if (toMs !== null && !isOpen && toMs <= fromMs) {
    throw new CliError('USAGE', '--to-utc is not after --from-utc')
  }
  const cluster = flags.kubeCluster ?? flags.cluster
  return {
    ...(isOpen ? {} : { from: new Date(fromMs).toISOString() }),
    ...(toMs === null ? {} : { to: new Date(toMs).toISOString() }),
    ...(cluster === undefined ? {} : { kube_cluster: cluster }),
    ...(flags.sessionUser === undefined ? {} : { user: flags.sessionUser }),
    ...(flags.namespace === undefined ? {} : { namespace: flags.namespace }),
    ...(flags.pod === undefined ? {} : { pod: flags.pod }),
  }
}

const UTC = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?Z?)?$/

/** A day, or a moment; never in the zone of this machine. */
function parseUtc(flag: string, text: string): number {
  const ms = UTC.test(text) ? Date.parse(/T.*[^Z]$/.test(text) ? `${text}Z` : text) : Number.NaN
  if (!Number.isNaN(ms) && isDay(text.slice(0, 10))) return ms
  throw new CliError('USAGE', `${flag}=${text} is no time like 2026-01-31 or 2026-01-31T09:00:00Z`)
}

/** To Date.parse the 30th of February is in March. */
const isDay = (day: string): boolean => new Date(day).toISOString().startsWith(day)

function parseLimit(text: string): number {
  const limit = Number(text)
  if (Number.isInteger(limit) && limit > 0) return limit
  throw new CliError('USAGE', `--limit=${text} is not a number above 0`)
}
