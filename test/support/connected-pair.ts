import { type Duplex, duplexPair } from 'node:stream'

/**
 * Two ends of a connection. As over a network, what comes is not the memory that was sent, and one end hears that the other has gone;
 * a pair of streams has neither.
 */
export function connectedPair(): [Duplex, Duplex] {
  const both = duplexPair()
  for (const end of both) {
    end.on('error', () => {})
    const push = end.push.bind(end)
    end.push = (chunk: Buffer | null) => push(chunk === null ? null : Buffer.from(chunk))
  }
  const [one, other] = both
  one.on('close', () => other.destroy())
  other.on('close', () => one.destroy())
  return [one, other]
}
