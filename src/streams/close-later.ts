import type { Duplex } from 'node:stream'
import type { StreamLimits } from './limits.ts'

/**
 * Closes a connection that was given its last bytes, if the other side does not: when for a while none of them has left and nothing was heard, and at
 * the latest after all of the time that there is. Whoever reads slowly gets all of it: what has left may still wait in the kernel's queue, of which
 * nobody tells us, and what is heard of a connection that is closed (client-go pings every five seconds) makes the kernel throw that queue away. So
 * it is read on until then, and who speaks is there.
 */
export function closeLater(
  connection: Duplex,
  { stallMs, closeMs }: Pick<StreamLimits, 'stallMs' | 'closeMs'>,
  close: () => void,
): void {
  let left = connection.writableLength
  let isHeard = false
  let timer = setTimeout(look, stallMs)
  const last = setTimeout(close, closeMs)
  connection.on('data', () => {
    isHeard = true
  })
  connection.once('close', () => {
    clearTimeout(timer)
    clearTimeout(last)
  })

  function look(): void {
    if (connection.writableLength === left && !isHeard) {
      close()
      return
    }
    left = connection.writableLength
    isHeard = false
    timer = setTimeout(look, stallMs)
  }
}

/** Closes a connection that was told that it speaks no protocol, whatever it says to that. */
export function closeSoon(
  connection: Duplex,
  { lingerMs }: Pick<StreamLimits, 'lingerMs'>,
  close: () => void,
): void {
  const timer = setTimeout(close, lingerMs)
  connection.once('close', () => clearTimeout(timer))
}
