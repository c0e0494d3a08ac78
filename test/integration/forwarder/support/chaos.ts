import type { Duplex } from 'node:stream'
import { Random } from '../../../../tools/fuzz/random.ts'

/** How an end goes away. */
const ways = ['destroys', 'ends', 'mutes', 'deafens', 'babbles'] as const
type Way = (typeof ways)[number]

/** What becomes of one end of a connection. */
export type Fate =
  | { readonly kind: 'lives' }
  | {
      /** After so many bytes that it said or heard, or so many milliseconds. */
      readonly kind: 'said' | 'heard' | 'passed'
      readonly after: number
      readonly way: Way
    }

/** Choices that the same seed makes again. */
export class Luck {
  readonly #random: Random

  constructor(seed: number) {
    this.#random = new Random(seed)
  }

  /** From 0 to 1. */
  next(): number {
    return this.#random.next() / 2 ** 32
  }

  /** A whole number below. */
  upTo(below: number): number {
    return this.#random.below(below)
  }

  chance(of: number): boolean {
    return this.next() < of
  }

  of<One>(all: readonly One[]): One {
    return this.#random.of(all)
  }

  fate(): Fate {
    const kind = this.of(['lives', 'said', 'said', 'heard', 'passed'] as const)
    if (kind === 'lives') return { kind }
    // The beginning is where most happens.
    const most = kind === 'passed' ? 150 : this.of([400, 1000, 5000, 100_000])
    return { kind, after: this.upTo(most), way: this.of(ways) }
  }
}

/** Lets an end of a connection meet its fate. What is below its TLS is left alone: Node dies of that, in a callback of a handshake. */
export function fated(socket: Duplex, fate: Fate): void {
  if (fate.kind === 'lives') return
  let left = fate.after
  let isMute = false
  let isStruck = false
  const write = socket.write.bind(socket) as (chunk: Buffer, done?: () => void) => boolean
  const push = socket.push.bind(socket)
  const strike = (): void => {
    if (isStruck || socket.destroyed) return
    isStruck = true
    if (fate.way === 'destroys') socket.destroy()
    else if (fate.way === 'ends') socket.end()
    else if (fate.way === 'mutes') isMute = true
    else if (fate.way === 'babbles') write(Buffer.alloc(1 + (fate.after % 3000), 0xa5 ^ fate.after))
    else {
      socket.pause()
      socket.resume = () => socket
    }
  }
  socket.write = ((chunk: Buffer | string, ...rest: unknown[]): boolean => {
    const done = rest.find((one) => typeof one === 'function') as (() => void) | undefined
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    const isLast = fate.kind === 'said' && !isStruck && bytes.length > left
    if (isLast && left > 0) write(bytes.subarray(0, left))
    if (isLast) strike()
    if (isMute || socket.writableEnded || socket.destroyed) {
      if (done !== undefined) process.nextTick(done)
      return true
    }
    if (isLast) return write(bytes.subarray(left), done)
    left -= fate.kind === 'said' ? bytes.length : 0
    return write(bytes, done)
  }) as Duplex['write']
  socket.push = (chunk: Buffer | null): boolean => {
    if (fate.kind === 'heard' && chunk !== null) {
      left -= chunk.length
      if (left < 0) setImmediate(strike)
    }
    return push(chunk)
  }
  if (fate.kind === 'passed') setTimeout(strike, fate.after)
}
