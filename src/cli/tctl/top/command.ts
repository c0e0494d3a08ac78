import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { ApiCallError, type ApiClient } from '../../../client/index.ts'
import type { StatsSnapshot } from '../../../contract/index.ts'
import { errorMessage } from '../../../core/index.ts'
import { durationFlag } from '../../duration-flag.ts'
import { CliError } from '../../errors.ts'
import { toYaml } from '../../format.ts'
import { type Io, print } from '../../io.ts'
import { examples } from '../../run.ts'
import { Screen } from '../../terminal/screen.ts'
import { enterTerminal, wantsColour, wantsUnicode } from '../../terminal/terminal.ts'
import type { TctlContext } from '../context.ts'
import { layoutTop, pageOf } from './layout.ts'
import { renderTop } from './render.ts'
import { sampleOf } from './sample.ts'
import { initialState, reduceTop, type TopEvent } from './state.ts'

/** Faster is more than anybody can read, and a load on the service. */
const MIN_INTERVAL_MS = 200
const MAX_INTERVAL_MS = 60 * 60 * 1000
/** Of `--once` without a terminal: what a wide one shows. */
const PAPER = { columns: 120, rows: 50 } as const

const topFormats = ['text', 'json', 'yaml'] as const
type TopFormat = (typeof topFormats)[number]

interface TopFlags {
  readonly interval: string
  readonly once?: boolean
  readonly format: string
}

/** `tctl top` */
export function topCommand(context: TctlContext): Command {
  const command = new Command('top')
    .description('watch requests, errors, clusters and users live')
    .option('--interval <duration>', 'between two samples: 500ms, 1s, 10s', '1s')
    .option('--once', 'one sample, over one interval, and end')
    .option('--format <format>', 'text, json (one line a sample) or yaml', 'text')
    .action(async (flags: TopFlags) => {
      const intervalMs = parseInterval(flags.interval)
      const format = parseTopFormat(flags.format)
      const { io } = context
      using client = await context.connect()
      if (format === 'text' && flags.once !== true) {
        await watch(io, client, intervalMs)
        return
      }
      let previous: StatsSnapshot | null = null
      for await (const snapshot of snapshots(io.signal, client, intervalMs)) {
        if (previous !== null) {
          print(io, textOf(io, previous, snapshot, format, intervalMs))
          if (flags.once === true) break
        }
        previous = snapshot
      }
    })
  return examples(command, [
    'tctl top',
    'tctl top --interval=5s',
    'tctl top --once --format=json | jq .requests_per_second',
  ])
}

function parseInterval(text: string): number {
  const ms = durationFlag('--interval', text)
  if (ms >= MIN_INTERVAL_MS && ms <= MAX_INTERVAL_MS) return ms
  throw new CliError('USAGE', `--interval=${text} is not between 200ms and 1h`)
}

function parseTopFormat(text: string): TopFormat {
  const found = topFormats.find((format) => format === text)
  if (found !== undefined) return found
  throw new CliError('USAGE', `--format=${text} is not one of ${topFormats.join(', ')}`)
}

/** A snapshot at once and one after each interval, until the signal. */
async function* snapshots(
  signal: AbortSignal,
  client: ApiClient,
  intervalMs: number,
): AsyncGenerator<StatsSnapshot> {
  while (!signal.aborted) {
    yield await client.call('stats.read', {})
    await sleep(intervalMs, undefined, { signal }).catch(() => {})
  }
}

/** What happened between two snapshots, as one line of JSON, a YAML document, or the screen on paper. */
function textOf(
  io: Io,
  previous: StatsSnapshot,
  snapshot: StatsSnapshot,
  format: TopFormat,
  intervalMs: number,
): string {
  switch (format) {
    case 'json':
      return JSON.stringify(sampleOf(snapshot, previous))
    case 'yaml':
      return `---\n${toYaml(sampleOf(snapshot, previous))}`.trimEnd()
    case 'text': {
      const state = [previous, snapshot].reduce(
        (before, one) => reduceTop(before, { type: 'snapshot', snapshot: one }),
        initialState({ intervalMs, colour: false, unicode: wantsUnicode(io.env), graph: false }),
      )
      const lines = renderTop(state, PAPER).slice(0, -1)
      return lines.join('\n').trimEnd()
    }
  }
}

/** The full-screen loop: asks, draws, waits; keys and resizes draw in between. */
async function watch(io: Io, client: ApiClient, intervalMs: number): Promise<void> {
  if (!io.isTty) throw noTerminal()
  // Before the screen is taken: a refusal should stand where the person typed.
  let state = reduceTop(
    initialState({ intervalMs, colour: wantsColour(io.env), unicode: wantsUnicode(io.env) }),
    { type: 'snapshot', snapshot: await client.call('stats.read', {}) },
  )
  const terminal = enterTerminal(io)
  if (terminal === null) throw noTerminal()
  const screen = new Screen()
  const quit = new AbortController()
  const signal = AbortSignal.any([io.signal, quit.signal])
  const draw = (): void => {
    const size = terminal.size()
    terminal.write(screen.update(renderTop(state, size), size.columns))
  }
  const happen = (event: TopEvent): void => {
    state = reduceTop(state, event)
    if (state.quit) quit.abort()
    else draw()
  }
  try {
    terminal.onResize(() => {
      screen.forget()
      draw()
    })
    terminal.onKey((key) => {
      if (key.type === 'named' && key.name === 'ctrl-z') {
        screen.forget()
        terminal.suspend()
        return
      }
      if (key.type === 'named' && key.name === 'ctrl-l') screen.forget()
      happen({ type: 'key', key, page: pageOf(layoutTop(state, terminal.size()), state.focus) })
    })
    draw()
    while (!signal.aborted) {
      await sleep(intervalMs, undefined, { signal }).catch(() => {})
      if (!signal.aborted) happen(await ask(client))
    }
  } finally {
    terminal.leave()
  }
}

const noTerminal = (): CliError =>
  new CliError('REFUSED', 'there is no terminal to draw on', {
    hint: 'one sample: --once; a line for each: --format=json',
  })

/** The next event. A refusal ends the loop; anything else may be over in a moment. */
async function ask(client: ApiClient): Promise<TopEvent> {
  try {
    return { type: 'snapshot', snapshot: await client.call('stats.read', {}) }
  } catch (error) {
    if (error instanceof ApiCallError && (error.status === 401 || error.status === 403)) throw error
    return { type: 'problem', message: errorMessage(error) }
  }
}
