import type { Duplex } from 'node:stream'
import { Probe } from './probe.ts'

/**
 * Whether a connection is read: not while whoever uses it says so, nor while its peer leaves unread what he made us say. While it is paused,
 * the peer is asked from time to time whether he is there.
 */
export class Reading {
  readonly #socket: Duplex
  readonly #probe: Probe
  #isPaused = false
  #isChoked = false

  constructor(socket: Duplex, ask: () => void, probeMs: number) {
    this.#socket = socket
    this.#probe = new Probe(ask, probeMs)
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  pause(): void {
    this.#isPaused = true
    this.#probe.paused()
    this.#socket.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#probe.resumed()
    if (!this.#isChoked) this.#socket.resume()
  }

  /** The peer does not read what he is answered: he is heard no more before he has. */
  choke(): void {
    this.#isChoked = true
    this.#socket.pause()
  }

  /** He has. */
  drained(): void {
    this.#isChoked = false
    if (!this.#isPaused) this.#socket.resume()
  }

  over(): void {
    this.#probe.over()
  }
}
