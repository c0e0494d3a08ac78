import { createHash, randomBytes } from 'node:crypto'
import { type Clock, errorCode } from '../../core/index.ts'
import type { UserIdentity } from '../../identity/index.ts'
import type { Backend } from '../../storage/index.ts'
import { RECORDING_LINK_MS, RECORDING_VIEW_MS } from '../limits.ts'

/** Who looks at which recording, by which certificate. */
export interface Ticket {
  readonly recording: string
  readonly identity: UserIdentity
  /** The end of the certificate with which the link was made, in milliseconds since the epoch. */
  readonly certifiedUntilMs: number
}

/** A secret that was just made; at rest there is only its hash. */
export interface NewTicket {
  readonly token: string
  readonly expiresAtMs: number
}

interface StoredTicket extends Ticket {
  readonly expiresAtMs: number
  readonly used: boolean
}

/**
 * Links to recordings, and the views that they open. A link is used once: of two who try at the same time one succeeds. That it was is
 * remembered as long as it would have lived, so that its owner learns that somebody was faster.
 */
export class ViewTickets {
  readonly #backend: Backend
  readonly #clock: Clock

  constructor(backend: Backend, clock: Clock) {
    this.#backend = backend
    this.#clock = clock
  }

  createLink(ticket: Ticket): Promise<NewTicket> {
    return this.#create('recording_links', ticket, RECORDING_LINK_MS)
  }

  /** `unknown`: it never was, is too old, or leads to another recording; nobody is told which. */
  async redeem(
    recording: string,
    token: string,
  ): Promise<(NewTicket & { readonly ticket: Ticket }) | 'unknown' | 'used'> {
    const found = await this.#find('recording_links', recording, token)
    if (found === null) return 'unknown'
    const { ticket, key, revision } = found
    if (ticket.used) return 'used'
    const value = JSON.stringify({ ...ticket, used: true })
    try {
      await this.#backend.compareAndSwap({ key, value, expiresAtMs: ticket.expiresAtMs }, revision)
    } catch (error) {
      if (errorCode(error) === 'CONFLICT') return 'used'
      throw error
    }
    return { ...(await this.#create('recording_views', ticket, RECORDING_VIEW_MS)), ticket }
  }

  /** Null for a view that never was, has ended, or is of another recording. */
  async find(
    recording: string,
    view: string,
  ): Promise<{ readonly ticket: Ticket; readonly expiresAtMs: number } | null> {
    const found = await this.#find('recording_views', recording, view)
    return found === null ? null : { ticket: found.ticket, expiresAtMs: found.ticket.expiresAtMs }
  }

  async #create(prefix: Prefix, ticket: Ticket, lifeMs: number): Promise<NewTicket> {
    const token = randomBytes(TOKEN_BYTES).toString('hex')
    const expiresAtMs = Math.min(this.#clock.now() + lifeMs, ticket.certifiedUntilMs)
    const { recording, identity, certifiedUntilMs } = ticket
    const stored: StoredTicket = {
      ...{ recording, identity, certifiedUntilMs },
      expiresAtMs,
      used: false,
    }
    await this.#backend.create({
      key: keyOf(prefix, token),
      value: JSON.stringify(stored),
      expiresAtMs,
    })
    return { token, expiresAtMs }
  }

  async #find(
    prefix: Prefix,
    recording: string,
    token: string,
  ): Promise<{ ticket: StoredTicket; key: string; revision: number } | null> {
    const key = keyOf(prefix, token)
    const item = await this.#backend.get(key)
    if (item === null) return null
    // What is stored was written here.
    const ticket = JSON.parse(item.value) as StoredTicket
    const isLive = this.#clock.now() < ticket.expiresAtMs && ticket.recording === recording
    return isLive ? { ticket, key, revision: item.revision } : null
  }
}

type Prefix = 'recording_links' | 'recording_views'
const TOKEN_BYTES = 16

/** A plain hash is enough, since nobody can try 2^128 tokens. */
const keyOf = (prefix: Prefix, token: string): string =>
  `${prefix}/${createHash('sha256').update(token).digest('hex')}`
