import { Duplex } from 'node:stream'
import { CodedError } from '../../src/core/index.ts'
import type { CommandListener, ForwardListener } from '../../src/streams/index.ts'

/** A connection that takes everything and gives what it is told to. */
export class StandInConnection extends Duplex {
  constructor() {
    super({ autoDestroy: false })
    this.on('error', () => {})
  }
  override _read(): void {
    // `give` does.
  }
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done()
  }
  give(bytes: Buffer): void {
    this.emit('data', bytes)
  }
}

/** An end takes whatever goes wrong while it reads for bytes that are none of the protocol; here the difference matters. */
export function mustBeCoded(error: unknown): void {
  if (error === null) return
  if (!(error instanceof CodedError)) throw new Error('an error without a code', { cause: error })
  if (error.cause !== undefined && !(error.cause instanceof CodedError)) {
    throw new Error('an end failed inside', { cause: error.cause })
  }
}

/** Hears everything, and checks that the last call is the last. */
export class StandInListener implements CommandListener, ForwardListener {
  calls = 0
  #isClosed = false

  opened(): boolean {
    this.#called()
    return true
  }
  data(): boolean {
    this.#called()
    return true
  }
  end(): void {
    this.#called()
  }
  fared(): void {
    this.#called()
  }
  reset(): void {
    this.#called()
  }
  resize(): void {
    this.#called()
  }
  status(): void {
    this.#called()
  }
  drain(): void {
    // May come at any time.
  }
  closed(error: Error | null): void {
    this.#called()
    this.#isClosed = true
    mustBeCoded(error)
  }
  #called(): void {
    this.calls += 1
    if (this.#isClosed) throw new Error('a call after the last one')
  }
}
