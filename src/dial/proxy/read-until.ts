import type { Socket } from 'node:net'

/**
 * Reads from a socket until `parse` has what it wants; what it did not use goes back into the socket.
 *
 * @param parse returns null when more bytes are needed, and throws when the bytes are wrong.
 * @param maxBytes more than this without a result is an error.
 */
export function readUntil<T>(
  socket: Socket,
  maxBytes: number,
  parse: (bytes: Buffer) => { readonly value: T; readonly used: number } | null,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0)
    const done = (): void => {
      socket.off('readable', read).off('error', fail).off('end', ended).off('close', ended)
    }
    const fail = (error: unknown): void => {
      done()
      reject(error)
    }
    const ended = (): void => fail(new Error('closed the connection'))
    const read = (): void => {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) return
      bytes = Buffer.concat([bytes, chunk])
      try {
        const result = parse(bytes)
        if (result !== null) {
          done()
          const rest = bytes.subarray(result.used)
          if (rest.length > 0) socket.unshift(rest)
          resolve(result.value)
        } else if (bytes.length > maxBytes) {
          fail(new Error('answered with too many bytes'))
        }
      } catch (error) {
        fail(error)
      }
    }
    socket.on('readable', read).on('error', fail).on('end', ended).on('close', ended)
    if (socket.destroyed) ended()
    else read()
  })
}
