import type { Readable } from 'node:stream'
import { type Clock, type LogFields, type Logger, systemClock } from '../../../../src/core/index.ts'
import {
  type KubeTarget,
  type OpenUpstream,
  openUpstream,
  type Upstream,
  type UpstreamExchange,
  type UpstreamFailure,
  type UpstreamLimits,
} from '../../../../src/upstream/index.ts'

export interface Answer {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: Buffer
  readonly text: string
}

export interface Ask {
  readonly method?: string
  readonly target?: string
  readonly headers?: readonly string[]
  readonly body?: Readable | null
  readonly longRunning?: boolean
  readonly user?: string
}

/** Sends and waits for the whole answer; rejects with the UpstreamFailure. */
export function ask(upstream: Upstream, request: Ask = {}): Promise<Answer> {
  return follow(upstream, request).ended
}

/** An exchange whose progress a test can wait for. */
export interface Followed {
  readonly exchange: UpstreamExchange
  readonly head: Promise<number>
  readonly firstData: Promise<Buffer>
  readonly ended: Promise<Answer>
  /** The failure; rejects when the exchange ended well. */
  readonly failed: Promise<UpstreamFailure>
  readonly received: () => number
}

export function follow(
  upstream: Upstream,
  request: Ask = {},
  accept: (chunk: Buffer) => boolean = () => true,
): Followed {
  const head = Promise.withResolvers<number>()
  const firstData = Promise.withResolvers<Buffer>()
  const ended = Promise.withResolvers<Answer>()
  for (const each of [head, firstData, ended]) each.promise.catch(() => {})
  const chunks: Buffer[] = []
  let received = 0
  let status = 0
  let headers: readonly string[] = []
  let calls = 0
  const exchange = upstream.send(
    {
      method: request.method ?? 'GET',
      target: request.target ?? '/',
      headers: request.headers ?? [],
      body: request.body ?? null,
      longRunning: request.longRunning ?? false,
      user: request.user ?? 'joe',
    },
    {
      head(code, pairs) {
        status = code
        headers = pairs
        head.resolve(code)
      },
      data(chunk) {
        received += chunk.length
        chunks.push(Buffer.from(chunk))
        firstData.resolve(chunk)
        const more = accept(chunk)
        if (!more) chunks.length = 0
        return more
      },
      end() {
        calls += 1
        const body = Buffer.concat(chunks)
        ended.resolve({ status, headers, body, text: body.toString() })
      },
      error(failure) {
        calls += 1
        if (calls > 1) throw new Error('the sink was ended twice')
        for (const each of [head, firstData, ended]) each.reject(failure)
      },
    },
  )
  const failed = ended.promise.then(
    () => {
      throw new Error('the exchange ended well')
    },
    (failure: UpstreamFailure) => failure,
  )
  failed.catch(() => {})
  return {
    exchange,
    head: head.promise,
    firstData: firstData.promise,
    ended: ended.promise,
    failed,
    received: () => received,
  }
}

/** A target at 127.0.0.1 without credentials. */
export function targetAt(port: number, fields: Partial<KubeTarget> = {}): KubeTarget {
  return {
    name: 'west',
    secure: true,
    hostname: '127.0.0.1',
    port,
    host: `127.0.0.1:${port}`,
    basePath: '',
    tlsServerName: null,
    insecureSkipTlsVerify: false,
    certificateAuthority: null,
    clientCertificate: null,
    login: { kind: 'none' },
    proxyUrl: null,
    ...fields,
  }
}

export interface Recorded extends Logger {
  readonly lines: { level: string; fields: LogFields; message: string }[]
}

/** A logger that remembers. */
export function recordingLogger(): Recorded {
  const lines: Recorded['lines'] = []
  const write =
    (level: string) =>
    (fields: LogFields, message: string): void => {
      lines.push({ level, fields, message })
    }
  const log: Recorded = {
    lines,
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => log,
  }
  return log
}

/** A clock that a test moves. */
export function manualClock(startMs = Date.UTC(2026, 0, 1)): Clock & { advance(ms: number): void } {
  let nowMs = startMs
  return {
    now: () => nowMs,
    advance(ms) {
      nowMs += ms
    },
  }
}

export function open(
  target: KubeTarget,
  options: { limits?: Partial<UpstreamLimits>; clock?: Clock; log?: Logger } = {},
): OpenUpstream {
  return openUpstream(target, {
    clock: options.clock ?? systemClock,
    log: options.log ?? recordingLogger(),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  })
}

/** Waits for what is bound to become true; the test's own timeout is the only limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}
