import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { formatProxyHeader } from '../../src/protocol/index.ts'

interface Target {
  readonly host: string
  readonly port: number
}

export interface BalancerOptions {
  readonly targets: readonly Target[]
  readonly port?: number
  /** Begins each connection with a PROXY header, as if it came from there. */
  readonly as?: { readonly address: string; readonly port: number }
}

/** A load balancer for TCP: each connection goes to the next of its targets that answers. It can be cut, too. */
export class Balancer implements AsyncDisposable {
  targets: readonly Target[]
  readonly #as: NonNullable<BalancerOptions['as']> | null
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #next = 0
  #isCut = false

  private constructor({ targets, as }: BalancerOptions) {
    this.targets = targets
    this.#as = as ?? null
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      this.#keep(client)
      if (this.#isCut) client.resetAndDestroy()
      else this.#carry(client, this.targets.length)
    })
  }

  static async open(options: BalancerOptions): Promise<Balancer> {
    const balancer = new Balancer(options)
    balancer.#server.listen(options.port ?? 0, '127.0.0.1')
    await once(balancer.#server, 'listening')
    return balancer
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get address(): Target {
    return { host: '127.0.0.1', port: this.port }
  }

  /** Ends what is there, and lets nothing new through until it is healed. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  heal(): void {
    this.#isCut = false
  }

  #keep(socket: Socket): void {
    socket.setNoDelay(true)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  }

  #carry(client: Socket, attempts: number): void {
    const target = this.targets[this.#next % Math.max(1, this.targets.length)]
    this.#next += 1
    if (target === undefined || attempts <= 0) {
      client.destroy()
      return
    }
    const server = connect({ ...target, allowHalfOpen: true })
    this.#keep(server)
    let connected = false
    client.once('close', () => server.destroy())
    server.once('connect', () => {
      connected = true
      if (this.#as !== null) server.write(formatProxyHeader(this.#as))
      client.pipe(server)
      server.pipe(client)
    })
    server.once('close', () => {
      if (connected || client.destroyed) client.destroy()
      else this.#carry(client, attempts - 1)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
