import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import type { ApiClient } from '../../../client/index.ts'
import type { AuditEventResource, QueryOf } from '../../../contract/index.ts'
import { escapeUnsafe, parseDuration } from '../../../core/index.ts'
import { CliError } from '../../errors.ts'
import { type Format, parseFormat, printable, render, table, toYaml } from '../../format.ts'
import { type Io, print, say } from '../../io.ts'
import { examples } from '../../run.ts'
import type { TctlContext } from '../context.ts'
import { EVENT_HEADERS, eventRow, shortEventRow } from './event-row.ts'

/** How often `tail` asks for what is new. */
const TAIL_INTERVAL_MS = 1000
/** What the server gives at once. */
const PAGE_EVENTS = 1000

interface FilterFlags {
  readonly user?: string
  readonly kubeCluster?: string
  readonly event?: string
  readonly from?: string
  readonly to?: string
  readonly limit?: string
  readonly format: string
}

/** `tctl audit` */
export function auditCommand(context: TctlContext): Command {
  const command = new Command('audit')
    .description('the audit log: who did what, where and when')
    .addCommand(lsCommand(context))
    .addCommand(tailCommand(context))
  return examples(command, ['tctl audit ls --user=alice --from=1h', 'tctl audit tail'])
}

function filters(command: Command): Command {
  return command
    .option('--user <name>', 'only this user')
    .option('--kube-cluster <name>', 'only this Kubernetes cluster')
    .option('--event <names>', 'only these events, comma-separated: kube.request, user.create …')
    .option('--format <format>', 'text, json or yaml', 'text')
}

function lsCommand(context: TctlContext): Command {
  const command = filters(new Command('ls').description('search the audit log, newest first'))
    .option('--from <time>', 'from this time: 2026-01-31T09:00:00Z, or 2h for two hours ago')
    .option('--to <time>', 'before this time')
    .option('--limit <n>', 'at most so many events', '100')
    .action(async (flags: FilterFlags) => {
      const format = parseFormat(flags.format)
      const wanted = positive('--limit', flags.limit ?? '100')
      const query = queryOf(flags, Date.now())
      using client = await context.connect()
      const events: AuditEventResource[] = []
      let after: string | null = null
      do {
        const page: { items: AuditEventResource[]; next: string | null } = await client.call(
          'events.list',
          {
            query: {
              ...query,
              limit: Math.min(PAGE_EVENTS, wanted - events.length),
              ...(after === null ? {} : { after }),
            },
          },
        )
        events.push(...page.items)
        after = page.next
      } while (after !== null && events.length < wanted)
      print(
        context.io,
        render(format, events, (all) => table(EVENT_HEADERS, all.map(shortEventRow))),
      )
      if (after !== null) say(context.io, `tctl: there are more: --limit shows more than ${wanted}`)
    })
  return examples(command, [
    'tctl audit ls --user=alice --from=1h',
    'tctl audit ls --kube-cluster=prod --event=kube.request --format=json',
  ])
}

function tailCommand(context: TctlContext): Command {
  const command = filters(
    new Command('tail').description('print events as they come in, until ctrl-c'),
  ).action(async (flags: FilterFlags) => {
    const format = parseFormat(flags.format)
    using client = await context.connect()
    await tail(context.io, client, format, queryOf(flags, Date.now()))
  })
  return examples(command, ['tctl audit tail', 'tctl audit tail --user=alice --format=json'])
}

/** For how long it is looked whether a mutation that was seen as started has come to its end. */
const OUTCOME_WAIT_MS = 15_000

/** Prints each event as it arrives, however late its service delivered it, and mutations once more with their outcome. */
async function tail(
  io: Io,
  client: ApiClient,
  format: Format,
  query: QueryOf<'events.list'>,
): Promise<void> {
  const show = (event: AuditEventResource): void => print(io, SHOWN[format](event))
  /** Mutations without an outcome, and when they were seen. */
  const started = new Map<string, number>()
  let after = (await client.call('events.list', { query: { ...query, order: 'arrival' } })).next
  while (!io.signal.aborted) {
    let isMore = true
    while (isMore) {
      const page: { items: AuditEventResource[]; next: string | null } = await client.call(
        'events.list',
        {
          query: {
            ...query,
            order: 'arrival',
            limit: PAGE_EVENTS,
            ...(after === null ? {} : { after }),
          },
        },
      )
      for (const event of page.items) {
        if (outcomeOf(event) === 'started') started.set(event.uid, Date.now())
        show(event)
      }
      after = page.next
      isMore = page.items.length === PAGE_EVENTS
    }
    for (const event of await endsOf(client, query, started)) show(event)
    await sleep(TAIL_INTERVAL_MS, undefined, { signal: io.signal }).catch(() => {})
  }
}

const outcomeOf = (event: AuditEventResource): string =>
  String(event['outcome' as keyof AuditEventResource] ?? '')

/** Those that have ended since they were seen as started; they, and what takes too long, are taken out. */
async function endsOf(
  client: ApiClient,
  query: QueryOf<'events.list'>,
  started: Map<string, number>,
): Promise<AuditEventResource[]> {
  const nowMs = Date.now()
  for (const [uid, seenMs] of started) if (nowMs - seenMs > OUTCOME_WAIT_MS) started.delete(uid)
  if (started.size === 0) return []
  const from = new Date(nowMs - 2 * OUTCOME_WAIT_MS).toISOString()
  const ended: AuditEventResource[] = []
  let after: string | null = null
  do {
    const page: { items: AuditEventResource[]; next: string | null } = await client.call(
      'events.list',
      {
        query: {
          ...query,
          from,
          order: 'asc',
          limit: PAGE_EVENTS,
          ...(after === null ? {} : { after }),
        },
      },
    )
    for (const event of page.items) {
      if (outcomeOf(event) !== 'started' && started.delete(event.uid)) ended.push(event)
    }
    after = page.next
  } while (after !== null)
  return ended
}

/** One event of many, none of which is known to be the last. */
const SHOWN: Readonly<Record<Format, (event: AuditEventResource) => string>> = {
  text: (event) => eventRow(event).map(printable).join('  '),
  json: (event) => escapeUnsafe(JSON.stringify(event)),
  yaml: (event) => `---\n${toYaml(event).trimEnd()}`,
}

/** Flags as a query; `2h` counts back from now. */
export function queryOf(flags: FilterFlags, nowMs: number): QueryOf<'events.list'> {
  return {
    ...(flags.user === undefined ? {} : { user: flags.user }),
    ...(flags.kubeCluster === undefined ? {} : { kube_cluster: flags.kubeCluster }),
    ...(flags.event === undefined ? {} : { event: flags.event }),
    ...(flags.from === undefined ? {} : { from: instant('--from', flags.from, nowMs) }),
    ...(flags.to === undefined ? {} : { to: instant('--to', flags.to, nowMs) }),
  }
}

function instant(flag: string, text: string, nowMs: number): string {
  // The auth service judges times.
  if (/^\d{4}-/.test(text)) return text
  try {
    return new Date(nowMs - parseDuration(text)).toISOString()
  } catch (cause) {
    throw new CliError(
      'USAGE',
      `${flag}=${text} is neither a time like 2026-01-31T09:00:00Z nor a duration like 2h`,
      { cause },
    )
  }
}

function positive(flag: string, text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1)
    throw new CliError('USAGE', `${flag}=${text} is not a number above 0`)
  return number
}
