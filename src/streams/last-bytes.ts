import type { Readable } from 'node:stream'

/**
 * What had come on a connection before it broke, and was not read yet: the last output of a command and how it ended, when its client reads
 * slowly. Node throws it away; once `close` was heard it can still be taken.
 */
export function* lastBytes(
  connection: Readable,
  gathered: () => Buffer | null,
): Generator<Buffer, void> {
  for (;;) {
    const piece = connection.read() as Buffer | null
    if (piece === null) break
    yield piece
  }
  const rest = gathered()
  if (rest !== null) yield rest
}
