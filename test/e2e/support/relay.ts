import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from '../../support/free-port.ts'

/** One address that leads to wherever it is told: a load balancer, or somebody between. */
export class Relay implements AsyncDisposable {
  /** The port to which new connections go; null for nowhere. */
  target: number | null
  port = 0
  /** All bytes that passed, both ways. */
  readonly seen: Buffer[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(target: number) {
    this.target = target
    this.#server = createServer((socket) => {
      this.#keep(socket)
      if (this.target === null) {
        socket.destroy()
        return
      }
      const far = connect(this.target, '127.0.0.1')
      this.#keep(far)
      for (const [from, to] of [
        [socket, far],
        [far, socket],
      ] as const) {
        from.on('data', (chunk: Buffer) => {
          this.seen.push(chunk)
          to.write(chunk)
        })
        from.on('end', () => to.end())
        from.on('error', () => to.destroy())
      }
    })
  }

  static async to(target: number): Promise<Relay> {
    const relay = new Relay(target)
    relay.port = await freePort()
    await new Promise<void>((done) => relay.#server.listen(relay.port, '127.0.0.1', done))
    return relay
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((done) => this.#server.close(done))
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }
}
