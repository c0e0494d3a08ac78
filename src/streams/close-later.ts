import type { Duplex } from 'node:stream'
import type { StreamLimits } from './limits.ts'

/**
 * Closes a connection that was given its last bytes: a while after they have left, for whoever does not close it himself, or when none of them
 * leaves any more. Whoever reads slowly gets all of it.
 */
export function closeLater(
  connection: Duplex,
  { lingerMs, stallMs }: Pick<StreamLimits, 'lingerMs' | 'stallMs'>,
  close: () => void,
): void {
  let left = connection.writableLength
  let timer = setTimeout(look, stallMs)
  const finished = (): void => {
    clearTimeout(timer)
    timer = setTimeout(close, lingerMs)
  }
  if (connection.writableFinished) finished()
  else connection.once('finish', finished)
  connection.once('close', () => clearTimeout(timer))

  function look(): void {
    if (connection.writableLength === left) {
      close()
      return
    }
    left = connection.writableLength
    timer = setTimeout(look, stallMs)
  }
}
