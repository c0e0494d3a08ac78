import { setTimeout as delay } from 'node:timers/promises'
import { ApiCallError, ClientError } from '../../client/index.ts'
import { type Clock, errorCode, errorMessage, type Logger } from '../../core/index.ts'
import type { HostService } from '../../identity/index.ts'
import { MemberError } from '../errors.ts'
import { type About, join, newKey, received } from '../join.ts'
import { LOOK_EVERY_MS } from '../limits.ts'
import { MemberApi } from '../member-api.ts'
import type { MemberRoute } from '../route.ts'
import { decodeStored, encodeStored } from './encode-identity.ts'
import { renewAtMs, retryDelayMs } from './schedule.ts'
import type { IdentityStore, MemberCertificate, MemberIdentity, StoredIdentity } from './types.ts'

export interface IdentityOptions extends About {
  readonly route: MemberRoute
  readonly store: IdentityStore
  readonly services: readonly HostService[]
  /** The join token, asked for when it is needed; null: there is none. */
  readonly token: () => Promise<string | null>
  readonly caPins: readonly string[]
  readonly insecure: boolean
  readonly clock: Clock
  readonly log: Logger
  /** Between 0 and 1; for tests. */
  readonly random?: () => number
  readonly signal: AbortSignal
}

/**
 * Opens the identity of this process: the one that is kept, else by joining, which is tried again while nobody answers. Renews it
 * until it is disposed. Rejects with MemberError, ClientError or ApiCallError when joining is refused.
 */
export async function openMemberIdentity(
  options: IdentityOptions,
): Promise<MemberIdentity & AsyncDisposable> {
  const { store, clock, log } = options
  const text = await store.load()
  const kept = text === null ? null : decodeStored(text, store.place)
  const usable = kept !== null && clock.now() < kept.expiresAtMs && serves(kept, options.services)
  if (kept !== null && usable) {
    log.info(
      { host_id: kept.hostId, cluster: kept.teleportCluster, place: store.place },
      'this process is a member already',
    )
    return new KeptIdentity(options, kept)
  }
  const identity = await joinUntilAnswered(options, kept)
  return new KeptIdentity(options, identity)
}

/** Whether the certificate is for all that this process shall be. */
const serves = (kept: StoredIdentity, services: readonly HostService[]): boolean =>
  services.every((service) => kept.services.includes(service))

async function joinUntilAnswered(
  options: IdentityOptions,
  kept: StoredIdentity | null,
): Promise<StoredIdentity> {
  const { log, signal, random = Math.random } = options
  for (let failures = 1; ; failures += 1) {
    try {
      return await joinAndKeep(options, kept)
    } catch (error) {
      if (signal.aborted || !isPassing(error)) throw error
      const waitMs = retryDelayMs(failures, random())
      log.warn({ error: errorMessage(error), retry_ms: waitMs }, 'cannot join yet')
      await delay(waitMs, undefined, { signal })
    }
  }
}

/** Nobody answered, or not now; the same may succeed later. */
const isPassing = (error: unknown): boolean =>
  (error instanceof ClientError && error.code === 'CONNECT_FAILED') ||
  (error instanceof ApiCallError && (error.status >= 500 || error.status === 429))

async function joinAndKeep(
  options: IdentityOptions,
  kept: StoredIdentity | null,
): Promise<StoredIdentity> {
  const { store, log, clock } = options
  const token = await options.token()
  if (token === null) throw nothingToJoinWith(options, kept)
  const identity = await join({
    ...options,
    token,
    hostId: kept?.hostId ?? null,
    now: () => clock.now(),
  })
  await store.save(encodeStored(identity))
  log.info(
    {
      host_id: identity.hostId,
      cluster: identity.teleportCluster,
      place: store.place,
      expires: new Date(identity.expiresAtMs).toISOString(),
    },
    'joined the Teleport cluster',
  )
  return identity
}

function nothingToJoinWith(
  { store, services, clock }: IdentityOptions,
  kept: StoredIdentity | null,
): MemberError {
  const make = `"tctl tokens add --type=${services.join(',')}" makes one; give it as teleport.auth_token, teleport.join_params.token_name or --token`
  if (kept === null) {
    return new MemberError(
      'MEMBER_TOKEN_MISSING',
      `this process has not joined a Teleport cluster yet and has no join token: ${make}`,
    )
  }
  if (clock.now() >= kept.expiresAtMs) {
    return new MemberError(
      'MEMBER_IDENTITY_EXPIRED',
      `the identity in ${store.place} expired at ${new Date(kept.expiresAtMs).toISOString()}, while this process was away, and there is no join token: ${make}`,
    )
  }
  return new MemberError(
    'MEMBER_TOKEN_MISSING',
    `the identity in ${store.place} is for ${kept.services.join(', ')}, and this process shall be ${services.join(', ')}: ${make}`,
  )
}

class KeptIdentity implements MemberIdentity, AsyncDisposable {
  readonly #options: IdentityOptions
  readonly #listeners = new Set<() => void>()
  readonly #stop = new AbortController()
  readonly #renewing: Promise<void>
  #stored: StoredIdentity

  constructor(options: IdentityOptions, stored: StoredIdentity) {
    this.#options = options
    this.#stored = stored
    this.#renewing = this.#keepRenewing()
  }

  get hostId(): string {
    return this.#stored.hostId
  }
  get teleportCluster(): string {
    return this.#stored.teleportCluster
  }
  get services(): readonly HostService[] {
    return this.#stored.services
  }
  get labels(): Readonly<Record<string, string>> {
    return this.#stored.labels
  }

  current(): MemberCertificate {
    return this.#stored
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#renewing
  }

  async #keepRenewing(): Promise<void> {
    const { clock, random = Math.random } = this.#options
    let dueMs = renewAtMs(this.#stored, random())
    let failures = 0
    for (;;) {
      const waitMs = Math.min(LOOK_EVERY_MS, dueMs - clock.now())
      if (waitMs > 0 && !(await this.#sleep(waitMs))) return
      if (this.#stop.signal.aborted) return
      if (clock.now() < dueMs) continue
      try {
        await this.#renew()
        failures = 0
        dueMs = renewAtMs(this.#stored, random())
      } catch (error) {
        failures += 1
        dueMs = clock.now() + retryDelayMs(failures, random())
        this.#complain(error)
        // Whoever else works in this process goes by the old id: only a restart helps, and it finds the new one.
        if (errorCode(error) === 'MEMBER_CERTIFICATE_WRONG') return
      }
    }
  }

  /** False: it is time to stop. */
  #sleep(ms: number): Promise<boolean> {
    return delay(ms, true, { signal: this.#stop.signal, ref: false }).catch(() => false)
  }

  /** A new key each time; what was there stays in use until the new one is kept. */
  async #renew(): Promise<void> {
    const { clock, store, nodename, version, log } = this.#options
    const next =
      clock.now() < this.#stored.expiresAtMs
        ? await this.#certify({ nodename, version })
        : await joinAndKeep(this.#options, this.#stored)
    if (next.hostId !== this.#stored.hostId) {
      throw new MemberError(
        'MEMBER_CERTIFICATE_WRONG',
        'this process has become another one in the Teleport cluster: restart it',
      )
    }
    await store.save(encodeStored(next))
    this.#stored = next
    log.info({ expires: new Date(next.expiresAtMs).toISOString() }, 'identity renewed')
    for (const listener of this.#listeners) listener()
  }

  async #certify(about: About): Promise<StoredIdentity> {
    const key = await newKey()
    using api = new MemberApi(this, this.#options.route)
    const answer = await api.call('member.certificate', {
      body: { public_key: key.publicPem, ...about },
    })
    return received(answer, key.privatePem)
  }

  #complain(error: unknown): void {
    const { log, store, clock } = this.#options
    const code = errorCode(error)
    const facts = {
      code,
      error: errorMessage(error),
      expires: new Date(this.#stored.expiresAtMs).toISOString(),
      place: store.place,
    }
    if (clock.now() >= this.#stored.expiresAtMs) {
      log.error(
        facts,
        'the identity has expired: give this process a new join token and restart it',
      )
    } else if (code === 'MEMBER_REMOVED') {
      log.error(facts, 'an administrator removed this process from the Teleport cluster')
    } else {
      log.warn(facts, 'cannot renew the identity yet')
    }
  }
}
