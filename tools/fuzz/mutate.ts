import type { Random } from './random.ts'

/** Numbers at which programs that read lengths go wrong. */
const EDGES = [0, 1, 127, 128, 255] as const
const MAX_CHANGES = 6
const MAX_BYTES = 64 * 1024

/** Something between what is right, what is nearly right, and noise. */
export function mutate(random: Random, right: readonly Buffer[]): Buffer {
  if (random.chance(16)) return random.bytes(random.below(300))
  let bytes: Buffer = Buffer.from(random.of(right))
  for (let change = random.below(MAX_CHANGES); change > 0; change -= 1) {
    bytes = changed(random, bytes, right)
  }
  return bytes.length > MAX_BYTES ? bytes.subarray(0, MAX_BYTES) : bytes
}

function changed(random: Random, bytes: Buffer, right: readonly Buffer[]): Buffer {
  const at = random.below(bytes.length + 1)
  switch (random.below(8)) {
    case 0:
    case 1:
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
      return bytes
    case 2:
      if (at < bytes.length) bytes[at] = random.of(EDGES)
      return bytes
    case 3:
      return bytes.subarray(0, at)
    case 4:
      return Buffer.concat([
        bytes.subarray(0, at),
        random.bytes(random.below(9)),
        bytes.subarray(at),
      ])
    case 5: {
      const to = Math.min(bytes.length, at + random.below(16))
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)])
    }
    case 6: {
      const other = random.of(right)
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))])
    }
    default: {
      const end = Math.min(bytes.length, at + random.below(64))
      return Buffer.concat([bytes, bytes.subarray(at, end)])
    }
  }
}

/** The same bytes in pieces, as a connection may give them. */
export function pieces(random: Random, bytes: Buffer): Buffer[] {
  if (random.chance(2)) return [bytes]
  const cut: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const to = at + 1 + random.below(random.chance(3) ? 3 : 200)
    cut.push(bytes.subarray(at, to))
    at = to
  }
  return cut
}
