import type { Duplex } from 'node:stream'

/**
 * Resolves when a connection is closed, whether it ended or broke: who is sent away with bytes on the way that nobody has read
 * gets a reset, and who was quicker an end. `once(socket, 'close')` would reject at the former.
 */
export function closed(connection: Duplex): Promise<void> {
  connection.on('error', () => {})
  return new Promise((resolve) => {
    if (connection.closed) resolve()
    else connection.once('close', () => resolve())
  })
}
