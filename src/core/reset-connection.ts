/** As much of a TCP socket as decides. */
interface ResettableConnection {
  readonly destroyed: boolean
  readonly connecting: boolean
  readonly writableEnded: boolean
  readonly writableFinished: boolean
  destroy(): unknown
  resetAndDestroy(): unknown
}

/**
 * Breaks a TCP connection off, so that its other end hears a reset and takes it for nothing else. One whose end is just being sent is destroyed
 * instead: libuv resets none of those (`uv_tcp_close_reset`: EINVAL), and Node would keep its handle for good, and spin for ever as the process exits.
 */
export function resetConnection(socket: ResettableConnection): void {
  if (socket.destroyed) return
  const isEnding = socket.writableEnded && !socket.writableFinished
  if (socket.connecting || isEnding) socket.destroy()
  else socket.resetAndDestroy()
}
