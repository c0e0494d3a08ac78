import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** Where people find a gateway in the wrong hands: it does with their connections what it likes. */
export class HostileDoor implements Disposable {
  readonly port: number
  readonly #server: Server
  readonly #people: ReadonlySet<Socket>

  private constructor(server: Server, people: ReadonlySet<Socket>) {
    this.port = (server.address() as AddressInfo).port
    this.#server = server
    this.#people = people
  }

  /** `treat` gets connections of which nobody has read yet. */
  static async open(treat: (person: Socket) => void): Promise<HostileDoor> {
    const people = new Set<Socket>()
    const server = createServer((person) => {
      people.add(person)
      person.once('close', () => people.delete(person))
      person.on('error', () => {})
      treat(person)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new HostileDoor(server, people)
  }

  [Symbol.dispose](): void {
    this.#server.close()
    for (const person of this.#people) person.destroy()
  }
}

/** The end of either is the end of both. What passes from one to the other is up to who joins them. */
export function join(person: Socket, agent: Duplex): void {
  person.on('error', () => agent.destroy())
  agent.on('error', () => person.destroy())
  person.once('close', () => agent.destroy())
  agent.once('close', () => person.destroy())
}
