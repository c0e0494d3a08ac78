import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import {
  type ChannelProtocol,
  chooseChannelProtocol,
  type ExitStatus,
  formatChannelMessage,
  formatExitStatus,
  parseChannelMessage,
} from '../../protocol/index.ts'
import { badRequest } from '../api-error.ts'
import { refuseUpgrade } from '../http/server.ts'
import { ByteQueue } from '../shell/byte-queue.ts'
import type { SessionPlan } from './plan.ts'
import type { ClientStreams } from './run-session.ts'

/** client-go writes 32 KiB at a time; a little more is taken. */
const MAX_MESSAGE_BYTES = 1024 * 1024
/** Above this a program waits before it writes more. */
const HIGH_BYTES = 1024 * 1024
/** Time for the client to answer our close. */
const CLOSE_MS = 5_000

/** Serves an exec or attach over `v4.channel.k8s.io` or `v5.channel.k8s.io`. */
export function serveWebSocket(
  plan: SessionPlan,
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  run: (streams: ClientStreams) => Promise<ExitStatus>,
): void {
  const offered = (incoming.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
  const protocol = chooseChannelProtocol(offered)
  if (protocol === null) {
    const words = `unable to negotiate a protocol: the client offers ${JSON.stringify(offered)}, v5.channel.k8s.io and v4.channel.k8s.io are served`
    refuseUpgrade(socket, badRequest(words))
    return
  }
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols: () => protocol,
  })
  server.handleUpgrade(incoming, socket, head, (client) => {
    void converse(plan, client, protocol, run)
  })
}

async function converse(
  plan: SessionPlan,
  client: WebSocket,
  protocol: ChannelProtocol,
  run: (streams: ClientStreams) => Promise<ExitStatus>,
): Promise<void> {
  const gone = new AbortController()
  const stdin = new ByteQueue(() => client.resume())
  if (!plan.stdin) stdin.end()
  client.on('error', () => {})
  client.on('close', () => gone.abort())
  client.on('message', (data, binary) => {
    const message = binary && Buffer.isBuffer(data) ? parseChannelMessage(data, protocol) : null
    if (message === null) {
      client.close(1003, 'not a message of the protocol')
      return
    }
    // Sizes of a terminal are taken and change nothing: nothing here is as wide as it.
    if (message.channel !== 'stdin') return
    if (message.kind === 'close') stdin.end()
    else if (!stdin.push(message.data)) client.pause()
  })
  // client-go waits for a first message to know that the session stands.
  client.send(
    formatChannelMessage(
      plan.stdout ? 'stdout' : plan.stderr ? 'stderr' : 'error',
      Buffer.alloc(0),
    ),
  )
  const status = await run({
    stdin,
    signal: gone.signal,
    write: (stream, data) => send(client, formatChannelMessage(stream, data)),
    onRoom: () => client.resume(),
  })
  if (client.readyState !== WebSocket.OPEN) return
  client.resume()
  await send(client, formatChannelMessage('error', Buffer.from(formatExitStatus(status), 'utf8')))
  client.close(1000)
  const timer = setTimeout(() => client.terminate(), CLOSE_MS)
  timer.unref()
  client.once('close', () => clearTimeout(timer))
}

/** Resolves at once while there is room, else when the message is written. */
function send(client: WebSocket, message: Buffer): Promise<void> {
  if (client.readyState !== WebSocket.OPEN) return Promise.resolve()
  if (client.bufferedAmount < HIGH_BYTES) {
    client.send(message, () => {})
    return Promise.resolve()
  }
  return new Promise((resolve) => client.send(message, () => resolve()))
}
