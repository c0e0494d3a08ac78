import type { Duplex } from 'node:stream'
import { errorMessage, type Logger } from '../../core/index.ts'
import {
  type ExitStatus,
  formatExitStatus,
  headerOf,
  type SessionEvent,
  SpdyError,
  SpdySession,
} from '../../protocol/index.ts'
import { ByteQueue } from '../shell/byte-queue.ts'
import type { SessionPlan } from './plan.ts'
import type { ClientStreams } from './run-session.ts'

/** kubelet's time for a client to open its streams. */
const STREAMS_MS = 30_000
/** Time for the client to read the end and close. */
const CLOSE_MS = 5_000

/** A SPDY session over a socket: bytes are moved, back-pressure kept, and the end is always one. */
export class SpdyConnection {
  readonly #socket: Duplex
  readonly #session = new SpdySession('server')
  readonly #onEvent: (event: SessionEvent) => void
  readonly #log: Logger
  readonly closed = new AbortController()

  constructor(socket: Duplex, head: Buffer, log: Logger, onEvent: (event: SessionEvent) => void) {
    this.#socket = socket
    this.#log = log
    this.#onEvent = onEvent
    socket.once('close', () => this.closed.abort())
    // Go clients end with a FIN when they have read everything.
    socket.once('end', () => socket.end())
    // Nothing is read before whoever made this has what he needs to answer.
    process.nextTick(() => {
      if (head.length > 0) this.#receive(head)
      socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    })
  }

  accept(streamId: number): void {
    void this.#write(this.#session.accept(streamId))
  }

  reset(streamId: number): void {
    void this.#write(this.#session.reset(streamId, 'refusedStream'))
  }

  /** Resolves when the client has room for more. */
  data(streamId: number, data: Buffer, fin = false): Promise<void> {
    return this.#write(this.#session.data(streamId, data, fin))
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Says goodbye; what is underway still goes out. */
  end(): void {
    void this.#write(this.#session.goAway('ok'))
    this.#socket.resume()
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_MS)
    timer.unref()
    this.#socket.once('close', () => clearTimeout(timer))
  }

  #receive(chunk: Buffer): void {
    try {
      for (const event of this.#session.receive(chunk)) {
        if (event.kind === 'send') void this.#write(event.bytes)
        else this.#onEvent(event)
      }
    } catch (error) {
      this.#log.debug({ error: errorMessage(error) }, 'a SPDY connection of the demo cluster ends')
      const status = error instanceof SpdyError ? error.goAwayStatus : 'internalError'
      this.#socket.end(this.#session.goAway(status))
      this.#socket.removeAllListeners('data')
      this.#socket.resume()
    }
  }

  #write(bytes: Buffer): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (bytes.length === 0 || this.#socket.writableEnded || this.#socket.destroyed) {
      resolve()
    } else if (this.#socket.write(bytes)) resolve()
    else {
      const done = (): void => {
        this.#socket.off('drain', done)
        this.#socket.off('close', done)
        resolve()
      }
      this.#socket.once('drain', done)
      this.#socket.once('close', done)
    }
    return promise
  }
}

type StreamType = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize'

/** The streams that a client opens for a plan (`createStreams` of kubelet's remotecommand). */
const wantedStreams = (plan: SessionPlan): StreamType[] => [
  'error',
  ...(plan.stdin ? (['stdin'] as const) : []),
  ...(plan.stdout ? (['stdout'] as const) : []),
  ...(plan.stderr && !plan.tty ? (['stderr'] as const) : []),
  ...(plan.tty ? (['resize'] as const) : []),
]

/** Serves an exec or attach over SPDY/3.1 and `v4.channel.k8s.io`, once the 101 is written. */
export async function serveSpdy(
  plan: SessionPlan,
  socket: Duplex,
  head: Buffer,
  log: Logger,
  run: (streams: ClientStreams) => Promise<ExitStatus>,
): Promise<void> {
  const ids = new Map<StreamType, number>()
  const wanted = wantedStreams(plan)
  const ready = Promise.withResolvers<boolean>()
  const stdin = new ByteQueue(() => connection.resume())
  if (!plan.stdin) stdin.end()
  const onStream = (streamId: number, name: string): void => {
    const type = wanted.find((candidate) => candidate === name)
    if (type === undefined || ids.has(type)) {
      connection.reset(streamId)
      return
    }
    ids.set(type, streamId)
    connection.accept(streamId)
    if (wanted.every((candidate) => ids.has(candidate))) ready.resolve(true)
  }
  const connection = new SpdyConnection(socket, head, log, (event) => {
    switch (event.kind) {
      case 'stream':
        onStream(event.streamId, headerOf(event.headers, 'streamtype') ?? '')
        return
      case 'data':
        // Sizes of a terminal are taken and change nothing.
        if (event.streamId === ids.get('stdin') && !stdin.push(event.data)) connection.pause()
        return
      case 'end':
      case 'reset':
        if (event.streamId === ids.get('stdin')) stdin.end()
        return
      default:
    }
  })
  const { signal } = connection.closed
  const onGone = (): void => ready.resolve(false)
  signal.addEventListener('abort', onGone, { once: true })
  const timer = setTimeout(() => ready.resolve(false), STREAMS_MS)
  timer.unref()
  const begun = await ready.promise
  clearTimeout(timer)
  if (!begun) {
    socket.destroy()
    return
  }
  const idOf = (type: StreamType): number => ids.get(type) ?? 0
  const status = await run({
    stdin,
    signal,
    write: (stream, data) => connection.data(idOf(stream), data),
    onRoom: () => connection.resume(),
  })
  for (const type of ['stdout', 'stderr'] as const) {
    if (ids.has(type)) await connection.data(idOf(type), Buffer.alloc(0), true)
  }
  await connection.data(idOf('error'), Buffer.from(formatExitStatus(status), 'utf8'), true)
  connection.end()
}
