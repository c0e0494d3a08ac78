/** What is looked at of a connection. */
interface Connection {
  readonly bytesRead: number
  readonly destroyed: boolean
  /** Bytes that came and that nobody has taken. */
  readonly readableLength: number
}

/** Bytes that had come on each connection at some moment. */
export type Heard<C extends Connection> = ReadonlyMap<C, number>

export const heardOn = <C extends Connection>(connections: Iterable<C>): Heard<C> =>
  new Map([...connections].map((connection) => [connection, connection.bytesRead]))

/**
 * Which connections are dead, of those that were there at a moment since when nobody answered at all: each of them, unless a
 * single one has brought a byte since. An API server that is merely slow still sends something to somebody. Where something waits
 * for its reader, we do not listen for more: that silence is ours.
 */
export function silentSince<C extends Connection>(heard: Heard<C>): readonly C[] {
  const open = [...heard].filter(([connection]) => !connection.destroyed)
  const alive = open.some(([connection, bytes]) => connection.bytesRead !== bytes)
  if (alive) return []
  return open.map(([connection]) => connection).filter(({ readableLength }) => readableLength === 0)
}
