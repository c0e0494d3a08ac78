import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

/** An HTTP proxy for CONNECT, behind which every host is this machine: names that resolve nowhere are reached through it alone. */
export class ConnectProxy implements AsyncDisposable {
  /** `host:port` of everything that was asked for. */
  readonly asked: string[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor() {
    this.#server = createServer((_request, answer) => answer.writeHead(405).end())
    this.#server.on('connect', (request, client, head) => {
      this.asked.push(request.url ?? '')
      const onward = connect(Number(/\d+$/.exec(request.url ?? '')?.[0]), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n')
        onward.write(head)
        onward.pipe(client).pipe(onward)
      })
      for (const socket of [client as Socket, onward]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.once('close', () => {
          client.destroy()
          onward.destroy()
          this.#sockets.delete(socket)
        })
      }
    })
  }

  static async open(): Promise<ConnectProxy> {
    const proxy = new ConnectProxy()
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Ends all that it carries. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
