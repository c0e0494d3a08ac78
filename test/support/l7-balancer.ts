import { createServer, request as httpsRequest, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { serverCertificate } from './certificates.ts'

/**
 * A load balancer of layer 7: it ends TLS with a certificate of its own, for any server name, and makes new connections to the
 * web port behind it. Protocols of ours in ALPN, client certificates and our server names end at it.
 */
export class L7Balancer implements AsyncDisposable {
  port = 0
  /** All bytes of upgraded connections, both ways. */
  readonly seen: Buffer[] = []
  /** Requests, as `GET /path`. */
  readonly requests: string[] = []
  readonly #server: Server
  readonly #sockets = new Set<Duplex>()

  private constructor(
    pair: { readonly key: string; readonly certificate: string },
    target: number,
  ) {
    this.#server = createServer({ key: pair.key, cert: pair.certificate }, (request, response) => {
      this.requests.push(`${request.method} ${request.url}`)
      const onward = httpsRequest(
        {
          ...this.#onward(target),
          method: request.method,
          path: request.url,
          headers: forwarded(request.headers),
        },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(response)
        },
      )
      onward.on('error', () => response.writeHead(502).end())
      request.pipe(onward)
    })
    this.#server.on('upgrade', (request, socket, head) => {
      this.requests.push(`UPGRADE ${request.url}`)
      this.#keep(socket)
      const onward = httpsRequest({
        ...this.#onward(target),
        path: request.url,
        headers: forwarded(request.headers),
      })
      onward.on('upgrade', (answer, far, farHead) => {
        this.#keep(far)
        socket.write(statusAndHeaders('101 Switching Protocols', answer.rawHeaders))
        far.unshift(farHead)
        socket.unshift(head)
        for (const [from, to] of [
          [socket, far],
          [far, socket],
        ] as const) {
          from.on('data', (chunk: Buffer) => this.seen.push(chunk))
          from.pipe(to)
          from.on('close', () => to.destroy())
        }
      })
      onward.on('response', (answer) => {
        socket.end(
          statusAndHeaders(`${answer.statusCode} ${answer.statusMessage}`, answer.rawHeaders),
        )
        answer.resume()
      })
      onward.on('error', () => socket.destroy())
      onward.end()
    })
    this.#server.on('connection', (socket: Duplex) => this.#keep(socket))
  }

  static async before(target: number, port = 0): Promise<L7Balancer> {
    const balancer = new L7Balancer(await serverCertificate('balancer.example.com'), target)
    await new Promise<void>((done) => balancer.#server.listen(port, '127.0.0.1', done))
    balancer.port = (balancer.#server.address() as AddressInfo).port
    return balancer
  }

  /** What went through, without what frames it: bytes that a client masked are unmasked nowhere. */
  get text(): string {
    return Buffer.concat(this.seen).toString('latin1')
  }

  /** Breaks every connection that is open. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    await new Promise((done) => this.#server.close(done))
  }

  #onward(port: number): { host: string; port: number; rejectUnauthorized: false } {
    return { host: '127.0.0.1', port, rejectUnauthorized: false }
  }

  #keep(socket: Duplex): void {
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.#sockets.delete(socket))
  }
}

/** All clients come from one address, which is not that of this machine. */
const CLIENT_ADDRESS = '203.0.113.9'

const forwarded = (headers: NodeJS.Dict<string | string[]>): NodeJS.Dict<string | string[]> => ({
  ...headers,
  'x-forwarded-for': [headers['x-forwarded-for'], CLIENT_ADDRESS].flat().filter(Boolean).join(', '),
})

function statusAndHeaders(status: string, raw: readonly string[]): string {
  const lines: string[] = []
  for (let at = 0; at < raw.length; at += 2) lines.push(`${raw[at]}: ${raw[at + 1]}\r\n`)
  return `HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`
}
