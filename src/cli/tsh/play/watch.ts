import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { unreachable } from '../../../core/index.ts'
import type { RecordFrame } from '../../../recording/index.ts'
import { CliError } from '../../errors.ts'
import { type Io, say } from '../../io.ts'
import type { Key } from '../../terminal/keys.ts'
import { Screen } from '../../terminal/screen.ts'
import { enterTerminal, type Terminal, wantsColour, wantsUnicode } from '../../terminal/terminal.ts'
import { broken, type Recording } from '../recordings/recording.ts'
import { FRAME_MS, REFRESH_MS } from './limits.ts'
import { Reel } from './reel.ts'
import { type Caption, captionLine, helpLines } from './screen.ts'
import { Stage } from './stage.ts'
import { initialPlayer, nextStep, type PlayerEvent, type PlayerState, transition } from './state.ts'

/** The player in the terminal, from taking it over until it is given back. */
export async function watchRecording(
  io: Io,
  recording: Recording,
  options: {
    readonly speed: number
    /** The longest pause; null: as long as they were. */
    readonly idleLimitMs: number | null
  },
): Promise<void> {
  if (!io.isTty) throw noTerminal()
  const reel = new Reel(recording, options.idleLimitMs)
  // Before the screen is taken: what is wrong should stand where the person typed.
  await reel.advance()
  const terminal = enterTerminal(io)
  if (terminal === null) throw noTerminal()
  const player = new Player(io, terminal, recording, reel, options)
  try {
    await player.run()
  } finally {
    terminal.leave()
    await reel.close()
  }
  if (reel.failure !== null) throw broken(reel.failure, 'what came before it was played')
  const missing = player.hasReachedEnd ? recording.missing() : null
  if (missing !== null) say(io, `tsh: ${missing}`)
}

const noTerminal = (): CliError =>
  new CliError('REFUSED', 'there is no terminal to play on', {
    hint: 'what was printed: --format=text; for other players: --format=cast',
  })

class Player {
  readonly #io: Io
  readonly #terminal: Terminal
  readonly #recording: Recording
  readonly #reel: Reel
  readonly #stage: Stage
  readonly #screen = new Screen()
  readonly #durationMs: number | null
  #state: PlayerState
  #note = ''
  /** Until when time was counted, and when the screen was drawn. */
  #countedMs = performance.now()
  #drawnMs = 0
  #yieldedMs = 0
  #wake = new AbortController()
  hasReachedEnd = false

  constructor(
    io: Io,
    terminal: Terminal,
    recording: Recording,
    reel: Reel,
    options: { readonly speed: number; readonly idleLimitMs: number | null },
  ) {
    this.#io = io
    this.#terminal = terminal
    this.#recording = recording
    this.#reel = reel
    this.#stage = new Stage(reel.facts?.tty ?? true)
    // Without its pauses it is shorter, and nobody knows by how much.
    this.#durationMs = options.idleLimitMs === null ? recording.durationMs : null
    this.#state = initialPlayer(options.speed)
    terminal.onKey((key) => this.#onKey(key))
    terminal.onResize(() => {
      // Also when the process was stopped and goes on: that time did not go by.
      this.#countedMs = performance.now()
      this.#screen.forget()
      this.#draw()
    })
  }

  async run(): Promise<void> {
    this.#io.signal.addEventListener('abort', () => this.#stage.stop(), { once: true })
    try {
      while (!this.#io.signal.aborted) {
        const step = nextStep(this.#state, this.#reel.upcoming?.dueMs ?? null)
        switch (step.do) {
          case 'quit':
            return
          case 'show':
            await this.#show()
            break
          case 'rewind':
            await this.#rewind()
            break
          case 'arrive':
            this.#happen({ type: 'arrived' })
            break
          case 'run-out':
            await this.#runOut()
            break
          case 'wait':
            await this.#wait(step.ms)
            break
          default:
            unreachable(step)
        }
      }
    } finally {
      this.#stage.dispose()
    }
  }

  #happen(event: PlayerEvent): void {
    this.#state = transition(this.#state, event)
    if (this.#state.kind === 'quit') this.#stage.stop()
  }

  #onKey(key: Key): void {
    this.#count()
    if (key.type === 'named' && key.name === 'ctrl-z') {
      this.#screen.forget()
      this.#terminal.suspend()
      return
    }
    if (key.type === 'named' && key.name === 'ctrl-l') this.#screen.forget()
    this.#happen({ type: 'key', key })
    this.#wake.abort()
  }

  #count(): void {
    const nowMs = performance.now()
    this.#happen({ type: 'elapsed', ms: nowMs - this.#countedMs })
    this.#countedMs = nowMs
  }

  async #show(): Promise<void> {
    const dueMs = this.#reel.upcoming?.dueMs ?? 0
    const frame = await this.#read(() => this.#reel.advance())
    if (frame !== null) await this.#stageFrame(frame)
    this.#happen({ type: 'shown', atMs: dueMs })
    this.#count()
    const nowMs = performance.now()
    const everyMs = this.#state.kind === 'seeking' ? REFRESH_MS : FRAME_MS
    if (nowMs - this.#drawnMs > everyMs) {
      await this.#stage.settle()
      this.#draw()
    } else if (nowMs - this.#yieldedMs > FRAME_MS) {
      // A thousand small frames are one turn of the event loop otherwise, in which no key is heard.
      await nextTurn()
      this.#yieldedMs = performance.now()
    }
  }

  async #stageFrame(frame: RecordFrame): Promise<void> {
    switch (frame.kind) {
      case 'data':
        return this.#stage.write(frame.data)
      case 'resize':
        return this.#stage.resize(frame.width, frame.height)
      case 'omitted':
        this.#note = `${frame.bytes} bytes of ${frame.stream} are not kept`
        return
      case 'marker':
        this.#note = frame.label
        return
      case 'end':
        this.#note =
          frame.exitCode === null ? `ended: ${frame.reason}` : `ended with ${frame.exitCode}`
        return
      case 'begin':
        return
    }
  }

  async #rewind(): Promise<void> {
    await this.#read(() => this.#reel.rewind())
    await this.#stage.clear()
    this.#note = ''
    this.#happen({ type: 'rewound' })
  }

  async #runOut(): Promise<void> {
    this.hasReachedEnd = true
    await this.#stage.settle()
    this.#note = this.#reel.failure?.message ?? this.#recording.missing() ?? this.#note
    this.#happen({ type: 'ran-out' })
  }

  async #wait(ms: number | null): Promise<void> {
    await this.#stage.settle()
    this.#draw()
    this.#wake = new AbortController()
    const signal = AbortSignal.any([this.#io.signal, this.#wake.signal])
    const forMs = ms === null ? LONG_MS : Math.min(ms, REFRESH_MS)
    await sleep(forMs, undefined, { signal }).catch(() => {})
    this.#count()
  }

  /** Time that a slow source takes is no time of the session. */
  async #read<T>(read: () => Promise<T>): Promise<T> {
    const begunMs = performance.now()
    try {
      return await read()
    } finally {
      this.#countedMs += performance.now() - begunMs
    }
  }

  #draw(): void {
    const size = this.#terminal.size()
    const look = {
      columns: size.columns,
      colour: wantsColour(this.#io.env),
      unicode: wantsUnicode(this.#io.env),
    }
    const view = { columns: size.columns, rows: Math.max(0, size.rows - 1) }
    const body = this.#state.help ? helpLines(look) : this.#stage.lines(view, look.colour)
    const filled = [...body, ...Array.from({ length: view.rows }, () => '')].slice(0, view.rows)
    const lines = [...filled, captionLine(this.#state, this.#caption(view), look)]
    this.#terminal.write(this.#screen.update(lines, size.columns))
    this.#drawnMs = performance.now()
  }

  #caption(view: { readonly columns: number; readonly rows: number }): Caption {
    const { columns, rows } = this.#stage.size
    const { facts } = this.#reel
    return {
      title:
        facts === null
          ? this.#recording.title
          : `${facts.user} in ${facts.kubeCluster}: ${facts.namespace}/${facts.pod}`,
      durationMs: this.#durationMs,
      note: this.#note,
      cropped: columns > view.columns || rows > view.rows ? `a part of ${columns}x${rows}` : null,
    }
  }
}

/** Nothing moves by itself: a key or a signal ends the wait. */
const LONG_MS = 60 * 60 * 1000
