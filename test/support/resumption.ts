import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { type ConnectionOptions, connect, createServer as createTlsServer } from 'node:tls'

/**
 * Whether a server takes back a session that it gave out. The client keeps the last one of a whole conversation, since
 * TLS 1.3 gives them out after the handshake, and offers it on the next connection.
 */
export async function resumes(
  options: ConnectionOptions,
): Promise<{ readonly given: number; readonly reused: boolean }> {
  const first = await converse(options)
  const session = first.sessions.at(-1)
  if (session === undefined) return { given: 0, reused: false }
  const again = await converse({ ...options, session })
  return { given: first.sessions.length, reused: again.reused }
}

async function converse(
  options: ConnectionOptions,
): Promise<{ readonly sessions: readonly Buffer[]; readonly reused: boolean }> {
  const socket = connect(options)
  const sessions: Buffer[] = []
  socket.on('session', (session: Buffer) => sessions.push(session))
  await once(socket, 'secureConnect')
  const reused = socket.isSessionReused()
  // Whatever the server makes of it, its answer comes after its sessions.
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  socket.resume()
  socket.on('error', () => {})
  await once(socket, 'close')
  return { sessions, reused }
}

/** A server as Node makes it: it resumes sessions, so whoever says that ours does not would be heard here. */
export async function withResumingServer<T>(
  pair: { readonly key: string; readonly certificate: string },
  use: (port: number) => Promise<T>,
): Promise<T> {
  const tls = createTlsServer({
    key: pair.key,
    cert: pair.certificate,
    ALPNProtocols: ['http/1.1'],
  })
  tls.on('secureConnection', (socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end('HTTP/1.1 204 No Content\r\n\r\n'))
  })
  const server: Server = createServer((socket) => void tls.emit('connection', socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await use((server.address() as AddressInfo).port)
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}
