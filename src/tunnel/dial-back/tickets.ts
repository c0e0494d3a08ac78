import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import { DIAL_BACK_TICKET_BYTES, type DialBackTicket, ticketOf } from '../../protocol/index.ts'

interface Issued {
  readonly secret: Buffer
  readonly expiresMs: number
  readonly onArrived: (socket: Socket) => void
}

const DRAWN = 64

/**
 * Tickets of all tunnels of a proxy that have not been shown yet. One is good once, for a moment, and for the tunnel that it was
 * ordered through: whoever shows it is as much that agent as whoever could read the tunnel.
 */
export class Tickets {
  readonly #issued = new Map<string, Issued>()
  readonly #most: number
  /** Drawn for many tickets at once, which is what makes them cheap. */
  #random: Buffer = Buffer.alloc(0)

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#issued.size
  }

  /** Null when there are as many as may be. */
  issue(expiresMs: number, onArrived: (socket: Socket) => void): DialBackTicket | null {
    if (this.#issued.size >= this.#most) return null
    if (this.#random.length === 0) this.#random = randomBytes(DRAWN * DIAL_BACK_TICKET_BYTES)
    const ticket = ticketOf(this.#random)
    this.#random = this.#random.subarray(DIAL_BACK_TICKET_BYTES)
    this.#issued.set(ticket.id, { secret: ticket.secret, expiresMs, onArrived })
    return ticket
  }

  void(id: string): void {
    this.#issued.delete(id)
  }

  /** Gives the connection to the tunnel that ordered it; false: there is no such ticket, now or any more, and the socket is as it was. */
  redeem(socket: Socket, { id, secret }: DialBackTicket, nowMs: number): boolean {
    const issued = this.#issued.get(id)
    if (issued === undefined) return false
    // A wrong secret uses it up as well: its id is told to nobody but the agent.
    this.#issued.delete(id)
    if (nowMs >= issued.expiresMs || !timingSafeEqual(secret, issued.secret)) return false
    issued.onArrived(socket)
    return true
  }
}
