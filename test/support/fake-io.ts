import { Readable, Writable } from 'node:stream'
import type { Io } from '../../src/cli/io.ts'
import { run } from '../../src/cli/run.ts'
import { buildTctl } from '../../src/cli/tctl/program.ts'
import type { FakeApi } from './fake-api.ts'

/** The world of a command, in memory. */
export class FakeIo implements Io {
  readonly #out: string[] = []
  readonly #err: string[] = []
  readonly stdin: Readable
  readonly stdout = collector(this.#out)
  readonly stderr = collector(this.#err)
  readonly env: Record<string, string>
  readonly isTty: boolean
  readonly #stop = new AbortController()
  readonly signal: AbortSignal = this.#stop.signal
  /** Stands in for programs that take over the terminal: gets their arguments, gives the exit code. */
  foreground: Io['foreground'] = async () => 127

  constructor(options: { stdin?: string; env?: Record<string, string>; isTty?: boolean } = {}) {
    this.stdin = Readable.from([options.stdin ?? ''])
    this.env = options.env ?? {}
    this.isTty = options.isTty ?? false
  }

  get out(): string {
    return this.#out.join('')
  }

  get err(): string {
    return this.#err.join('')
  }

  interrupt(): void {
    this.#stop.abort()
  }
}

function collector(chunks: string[]): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      chunks.push(chunk.toString())
      done()
    },
  })
}

/** Runs `tctl` against a fake API, as a person types it. */
export function tctl(api: FakeApi, argv: readonly string[], io: FakeIo): Promise<number> {
  return run(() => buildTctl(io, () => ({ io, connect: async () => api.client() })), argv, io)
}
