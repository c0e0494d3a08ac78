import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'

/** The answer of whoever refused. */
export class Refused extends Error {
  readonly status: number
  readonly body: string

  constructor(status: number, body: string) {
    super(`refused with ${status}: ${body}`)
    this.status = status
    this.body = body
  }
}

/** A WebSocket of a person's client. Rejects with Refused. */
export async function openWebSocket(
  connection: Duplex,
  target: string,
  protocol: string,
): Promise<WebSocket> {
  let isSpoken = false
  const socket = new WebSocket('ws://kube/', {
    createConnection: () => connection,
    perMessageDeflate: false,
    finishRequest: (request) => {
      request.path = target
      request.setHeader('Sec-WebSocket-Protocol', protocol)
      request.prependListener('upgrade', (response: IncomingMessage) => {
        // The library judges the form of names, and the tunnel's has a `/` in it; another answer than this it refuses.
        if (response.headers['sec-websocket-protocol'] === protocol) {
          isSpoken = true
          delete response.headers['sec-websocket-protocol']
        }
      })
      request.end()
    },
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => {
      socket.pause()
      if (isSpoken) resolve()
      else reject(new Error(`the server does not say that it speaks ${protocol}`))
    })
    socket.on('error', reject)
    socket.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        reject(new Refused(response.statusCode ?? 0, Buffer.concat(chunks).toString())),
      )
    })
  })
  return socket
}

/** The same by hand: the bytes behind the answer, for an end of ours. Rejects with Refused. */
export async function upgradeToWebSocket(
  connection: Duplex,
  target: string,
  protocol: string,
): Promise<Buffer> {
  const key = randomBytes(16).toString('base64')
  connection.write(
    `GET ${target} HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
  )
  return readHead(connection)
}

/** The bytes behind the head of a 101. Rejects with Refused. */
export async function readHead(connection: Duplex): Promise<Buffer> {
  let bytes: Buffer = Buffer.alloc(0)
  while (!bytes.includes('\r\n\r\n')) {
    const [chunk] = (await once(connection, 'data')) as [Buffer]
    bytes = Buffer.concat([bytes, chunk])
  }
  const head = bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 4).toString('latin1')
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1])
  if (status === 101) {
    connection.pause()
    return bytes.subarray(head.length)
  }
  const chunks = [bytes.subarray(head.length)]
  connection.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(connection, 'end')
  throw new Refused(status, Buffer.concat(chunks).toString())
}
