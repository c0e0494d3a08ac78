/** What is used of a WebSocket of `ws`, which is not loaded for it. */
export interface PingedSocket {
  readonly isPaused: boolean
  ping(): void
  terminate(): void
  on(event: 'ping' | 'pong' | 'message', listener: () => void): unknown
  once(event: 'close', listener: () => void): unknown
}

/** Balancers cut what is silent after a minute, some after half of one. */
const PING_EVERY_MS = 20_000
/** So many that nobody answers, and the other end is gone. */
const MAX_UNANSWERED = 3

/**
 * Lets a connection live that is silent for hours, a watch for one, and ends it when the other end is gone. While nothing is
 * read, because whoever is behind it does not read, answers are not seen either, and are not missed.
 */
export function keepAlive(socket: PingedSocket, everyMs: number = PING_EVERY_MS): void {
  let unanswered = 0
  const heard = (): void => {
    unanswered = 0
  }
  // An end whose own reader has stalled reads no pings, and still sends its own.
  socket.on('ping', heard)
  socket.on('pong', heard)
  socket.on('message', heard)
  const timer = setInterval(() => {
    if (unanswered >= MAX_UNANSWERED && !socket.isPaused) {
      socket.terminate()
      return
    }
    unanswered = socket.isPaused ? 0 : unanswered + 1
    socket.ping()
  }, everyMs)
  socket.once('close', () => clearInterval(timer))
}
