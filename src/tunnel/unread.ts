import type { Duplex } from 'node:stream'

interface Held {
  readonly stream: Duplex
  readonly bytes: number
}

/** Connections that were cut, and whose they were. */
export interface Cut {
  readonly address: string
  readonly connections: number
}

/** What people of each address have left unread in our memory, over all tunnels, as of one look. */
export class Unread {
  readonly #byAddress = new Map<string, { bytes: number; readonly held: Held[] }>()
  readonly #readers: WeakMap<Duplex, Duplex>

  /** `readers`: the sockets of people that connections to agents are joined to, which hold as much again. */
  constructor(readers: WeakMap<Duplex, Duplex>) {
    this.#readers = readers
  }

  /** `address` is a key of `addressKey`. */
  add(address: string, stream: Duplex): void {
    const reader = this.#readers.get(stream)
    const bytes = buffered(stream) + (reader === undefined ? 0 : buffered(reader))
    if (bytes === 0) return
    const one = { stream, bytes }
    const known = this.#byAddress.get(address)
    if (known === undefined) this.#byAddress.set(address, { bytes, held: [one] })
    else {
      known.bytes += bytes
      known.held.push(one)
    }
  }

  /** Cuts the fullest connections of each address until what is left is within `most`. */
  cut(most: number): readonly Cut[] {
    const cuts: Cut[] = []
    for (const [address, { bytes, held }] of this.#byAddress) {
      let left = bytes
      if (left <= most) continue
      let connections = 0
      for (const { stream, bytes: freed } of held.toSorted((a, b) => b.bytes - a.bytes)) {
        if (left <= most) break
        stream.destroy(new Error('the reader is too slow'))
        left -= freed
        connections += 1
      }
      cuts.push({ address, connections })
    }
    return cuts
  }
}

const buffered = (stream: Duplex): number => stream.readableLength + stream.writableLength
