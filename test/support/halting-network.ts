import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

interface Address {
  readonly host: string
  readonly port: number
}

const REST_MS = 10

/** A network that can stop to carry what one end of its connections says; what the other one says arrives all the time. */
export class HaltingNetwork implements AsyncDisposable {
  readonly #server: Server
  readonly #ends = new Set<Socket>()
  /** Whose words may be halted. */
  readonly #halting = new Set<Socket>()

  private constructor(target: Address, whose: 'client' | 'server') {
    this.#server = createServer((client) => {
      const server = connect(target)
      this.#halting.add(whose === 'client' ? client : server)
      for (const end of [client, server]) {
        this.#ends.add(end)
        end.setNoDelay(true)
        end.on('error', () => {
          client.destroy()
          server.destroy()
        })
        end.once('close', () => {
          this.#ends.delete(end)
          this.#halting.delete(end)
        })
      }
      client.pipe(server)
      server.pipe(client)
    })
  }

  static async open(target: Address, whose: 'client' | 'server'): Promise<HaltingNetwork> {
    const network = new HaltingNetwork(target, whose)
    network.#server.listen(0, '127.0.0.1')
    await once(network.#server, 'listening')
    return network
  }

  get address(): Address {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port }
  }

  halt(): void {
    for (const end of this.#halting) end.pause()
  }

  /** Piece by piece, so that there is time for a word in return. */
  goOn(): void {
    for (const end of this.#halting) {
      end.on('data', () => {
        end.pause()
        setTimeout(() => end.resume(), REST_MS)
      })
      end.resume()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) end.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
