import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import type { ProxyAddress } from '../../../../src/tunnel/index.ts'

/** What a network does to bytes: the next bytes, or null for a pause that never ends. */
type Mischief = (chunk: Buffer) => Buffer

/** A network between an agent and a proxy that can be cut, go silent, or change what it carries. */
export class Relay implements AsyncDisposable {
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  /** True: connections stay, and nothing arrives any more. */
  #silent = false
  /** Bytes from the agent to the proxy. */
  mischief: Mischief = (chunk) => chunk
  /** Bytes from the proxy to the agent. */
  mischiefBack: Mischief = (chunk) => chunk

  private constructor(target: ProxyAddress) {
    this.#server = createServer((agent) => {
      const proxy = connect(target)
      const pair = [agent, proxy] as const
      this.#pairs.add(pair)
      const end = (): void => {
        this.#pairs.delete(pair)
        agent.destroy()
        proxy.destroy()
      }
      for (const socket of pair) {
        socket.on('error', end)
        // What ended as it should has said everything, and the other end still has to hear it.
        socket.once('close', () => {
          if (!socket.readableEnded || pair.every(({ destroyed }) => destroyed)) end()
        })
        socket.setNoDelay(true)
      }
      const altered = (how: (chunk: Buffer) => Buffer): Transform =>
        new Transform({ transform: (chunk: Buffer, _encoding, done) => done(null, how(chunk)) })
      agent.pipe(altered((chunk) => this.mischief(chunk))).pipe(proxy)
      proxy.pipe(altered((chunk) => this.mischiefBack(chunk))).pipe(agent)
      if (this.#silent) this.#stop(pair)
    })
  }

  static async open(target: ProxyAddress): Promise<Relay> {
    const relay = new Relay(target)
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  get address(): ProxyAddress {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port }
  }

  get connections(): number {
    return this.#pairs.size
  }

  /** Half open: both ends keep their connections and hear nothing. New ones are like that too. */
  silence(): void {
    this.#silent = true
    for (const pair of this.#pairs) this.#stop(pair)
  }

  heal(): void {
    this.#silent = false
  }

  cut(): void {
    for (const [agent, proxy] of this.#pairs) {
      agent.resetAndDestroy()
      proxy.resetAndDestroy()
    }
  }

  #stop(pair: readonly [Socket, Socket]): void {
    for (const socket of pair) {
      socket.unpipe()
      socket.pause()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
