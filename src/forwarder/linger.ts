import type { Socket } from 'node:net'

/** For whoever is sent away to read what was sent, and then to close as well. */
export const LINGER_MS = 5000

/** Destroys a connection whose half of ours has ended when its client had the time to close his, if he has not. */
export function destroyLater(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
}
