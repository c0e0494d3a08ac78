import { type Clock, errorCode } from '../core/index.ts'
import type { Backend, Item } from '../storage/index.ts'
import { JoinError } from './errors.ts'
import { MAX_SWAP_ATTEMPTS, MEMBER_MEMORY_MS, MEMBER_OFFLINE_MS, SEEN_EVERY_MS } from './limits.ts'
import type { MemberService } from './services.ts'
import type { KubeMatcher, Labels } from './tokens.ts'

/** A process of ours that joined. It is what the auth service says, and not its certificate, that decides what it may do. */
export interface Member {
  readonly hostId: string
  readonly services: readonly MemberService[]
  /** The name of the token with which it joined: members of one lineage serve the same clusters. */
  readonly lineage: string
  /** Of its token. */
  readonly labels: Labels
  /** Of its token: the dynamic clusters that it may be given; absent: none. */
  readonly kubeResources?: readonly KubeMatcher[]
  /** What it calls itself; for people. */
  readonly nodename: string
  readonly version: string
  /** `ip:port` of the last call that was noted. */
  readonly address: string
  /** Milliseconds since the epoch, like those below. */
  readonly joinedMs: number
  readonly lastSeenMs: number
  readonly certificateEndsMs: number
}

/** What a member tells of itself from time to time. */
export type Seen = Pick<Member, 'version' | 'address'>

const PREFIX = 'members'
const keyOf = (hostId: string): string => `${PREFIX}/${hostId}`

/** Where host ids of removed members are kept, by which their certificates are refused. */
export const REMOVED_PREFIX = 'removed_members'
const removedKey = (hostId: string): string => `${REMOVED_PREFIX}/${hostId}`

/** Everybody who joined, by host id. A record outlives the member's certificate for MEMBER_MEMORY_MS. */
export class Members {
  readonly #backend: Backend
  readonly #clock: Clock
  /** When each was heard last, and when that was last written. */
  readonly #heard = new Map<string, { readonly atMs: number; readonly writtenMs: number }>()
  readonly #openedMs: number

  constructor(backend: Backend, clock: Clock) {
    this.#backend = backend
    this.#clock = clock
    this.#openedMs = clock.now()
  }

  /**
   * Whether a member, as it was just found, is there. Words since the last write died with the process that heard them: who was
   * there then is given the time to say another.
   */
  isOnline({ hostId, lastSeenMs }: Pick<Member, 'hostId' | 'lastSeenMs'>): boolean {
    const mayBeThere =
      !this.#heard.has(hostId) && this.#openedMs - lastSeenMs < SEEN_EVERY_MS + MEMBER_OFFLINE_MS
    const heardMs = mayBeThere ? Math.max(lastSeenMs, this.#openedMs) : lastSeenMs
    return this.#clock.now() - heardMs < MEMBER_OFFLINE_MS
  }

  async find(hostId: string): Promise<Member | null> {
    const item = await this.#backend.get(keyOf(hostId))
    return item === null ? null : this.#withHeard(parse(item))
  }

  /** By host id. */
  async list(page: {
    limit?: number
    after?: string
  }): Promise<{ readonly items: readonly Member[]; readonly next: string | null }> {
    const { items, next } = await this.#backend.list(PREFIX, {
      ...(page.limit === undefined ? {} : { limit: page.limit }),
      ...(page.after === undefined ? {} : { after: keyOf(page.after) }),
    })
    return {
      items: items.map((item) => this.#withHeard(parse(item))),
      next: next === null ? null : next.slice(PREFIX.length + 1),
    }
  }

  /**
   * Enters a member that joins. False: the host id belongs to another lineage, or to somebody who joined at the same moment.
   */
  async enter(member: Member): Promise<boolean> {
    const item = await this.#backend.get(keyOf(member.hostId))
    try {
      if (item === null) {
        await this.#backend.create(itemOf(member))
        return true
      }
      const before = parse(item)
      if (before.lineage !== member.lineage) return false
      await this.#backend.compareAndSwap(
        itemOf({ ...member, joinedMs: before.joinedMs }),
        item.revision,
      )
      return true
    } catch (error) {
      if (errorCode(error) === 'ALREADY_EXISTS' || errorCode(error) === 'CONFLICT') return false
      throw error
    }
  }

  /** Notes a renewed certificate. Null: the member was removed in between. */
  async renewed(
    hostId: string,
    seen: Seen & Pick<Member, 'nodename'>,
    certificateEndsMs: number,
  ): Promise<Member | null> {
    return this.#update(hostId, (member) => ({
      ...member,
      ...seen,
      lastSeenMs: this.#clock.now(),
      certificateEndsMs,
    }))
  }

  /**
   * Notes that a member, as it was just found, lives; written down once in SEEN_EVERY_MS, or when it is of another version. Many
   * say so every few seconds: nothing is read for it.
   */
  async seen(found: Member, seen: Seen): Promise<void> {
    const { hostId } = found
    const nowMs = this.#clock.now()
    // The first time nothing was heard yet that is not written.
    const writtenMs = this.#heard.get(hostId)?.writtenMs ?? found.lastSeenMs
    const same = found.version === seen.version && found.address === seen.address
    const isFresh = same && nowMs - writtenMs < SEEN_EVERY_MS
    this.#heard.set(hostId, { atMs: nowMs, writtenMs: isFresh ? writtenMs : nowMs })
    if (!isFresh) {
      await this.#update(hostId, (member) => ({ ...member, ...seen, lastSeenMs: nowMs }))
    }
  }

  /**
   * From now on its calls are refused, its certificate is not renewed, and proxies do not take it; nobody gets its host id again
   * while it could be taken for its certificate's. Resolves to the revision by which that is so; null: there was none.
   */
  async delete(hostId: string): Promise<number | null> {
    this.#heard.delete(hostId)
    const member = await this.find(hostId)
    if (member === null) return null
    const revision = await this.#backend.put({
      key: removedKey(hostId),
      value: JSON.stringify({ hostId, removedMs: this.#clock.now() }),
      expiresAtMs: Math.max(member.certificateEndsMs, this.#clock.now() + MEMBER_MEMORY_MS),
    })
    try {
      await this.#backend.delete(keyOf(hostId))
    } catch (error) {
      if (errorCode(error) !== 'NOT_FOUND') throw error
    }
    return revision
  }

  /** Whether a host id belonged to a member that was removed. */
  async wasRemoved(hostId: string): Promise<boolean> {
    return (await this.#backend.get(removedKey(hostId))) !== null
  }

  async #update(hostId: string, change: (before: Member) => Member): Promise<Member | null> {
    for (let attempt = 0; attempt < MAX_SWAP_ATTEMPTS; attempt += 1) {
      const item = await this.#backend.get(keyOf(hostId))
      if (item === null) return null
      const next = change(parse(item))
      try {
        await this.#backend.compareAndSwap(itemOf(next), item.revision)
        return next
      } catch (error) {
        if (errorCode(error) !== 'CONFLICT') throw error
      }
    }
    throw new JoinError('MEMBER_BUSY', `the record of ${hostId} changes all the time`)
  }

  #withHeard(member: Member): Member {
    const heardMs = this.#heard.get(member.hostId)?.atMs ?? 0
    return heardMs > member.lastSeenMs ? { ...member, lastSeenMs: heardMs } : member
  }
}

const itemOf = (member: Member): { key: string; value: string; expiresAtMs: number } => ({
  key: keyOf(member.hostId),
  value: JSON.stringify(member),
  expiresAtMs: member.certificateEndsMs + MEMBER_MEMORY_MS,
})

// What is stored was written by this file.
const parse = (item: Item): Member => JSON.parse(item.value) as Member
