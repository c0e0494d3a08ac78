import { createHash } from 'node:crypto'
import type { Authorities } from '../../ca/index.ts'
import {
  MEMBER_STATE_CONTEXT,
  type MemberState,
  type MemberStatement,
} from '../../contract/index.ts'
import { type Clock, parseDuration } from '../../core/index.ts'
import type { RecordingSettings } from '../../recordings/index.ts'
import type { AccessState } from '../access-state.ts'
import type { ProxyPlace } from '../context.ts'
import {
  DEFAULT_OFFLINE_ACCESS_MS,
  MAX_OFFLINE_ACCESS_MS,
  STATE_GATHER_MS,
  STATEMENT_MAX_AGE_MS,
} from '../limits.ts'
import type { ProxyRegistry } from '../proxies.ts'
import { Waiters } from './waiters.ts'

/** A state as it is sent, and how it is called. */
interface Written {
  readonly text: string
  /** SHA-256, hexadecimal. */
  readonly hash: string
}

export interface SignedStatement {
  readonly statement: string
  readonly signature: string
}

/**
 * What members decide by, as one text that is the same on every auth server; it is called by its hash, so that nobody gets
 * twice what he has. Written once per change and signed once in a while, however many members ask.
 */
export class MemberStateFeed implements Disposable {
  readonly #access: AccessState
  readonly #authorities: Authorities
  readonly #clusterName: string
  readonly #ownProxies: readonly ProxyPlace[]
  readonly #proxies: ProxyRegistry
  readonly #recording: RecordingSettings
  readonly #clock: Clock
  readonly #waiters = new Waiters()
  readonly #stops: readonly (() => void)[]
  #written: Written | null = null
  #signed: (SignedStatement & { readonly hash: string; readonly signedMs: number }) | null = null
  #gathering: NodeJS.Timeout | null = null
  #pending = false

  constructor(options: {
    readonly access: AccessState
    readonly authorities: Authorities
    readonly clusterName: string
    readonly ownProxies: readonly ProxyPlace[]
    readonly proxies: ProxyRegistry
    readonly recordingSettings: RecordingSettings
    readonly clock: Clock
  }) {
    this.#access = options.access
    this.#authorities = options.authorities
    this.#clusterName = options.clusterName
    this.#ownProxies = options.ownProxies
    this.#proxies = options.proxies
    this.#recording = options.recordingSettings
    this.#clock = options.clock
    this.#stops = [
      options.access.onChange(() => this.#changed()),
      options.authorities.onChange(() => this.#changed()),
      options.proxies.onChange(() => this.#changed()),
    ]
  }

  #changed(): void {
    this.#written = null
    if (this.#gathering !== null) {
      this.#pending = true
      return
    }
    this.#waiters.tell()
    this.#gathering = setTimeout(() => {
      this.#gathering = null
      if (!this.#pending) return
      this.#pending = false
      this.#changed()
    }, STATE_GATHER_MS)
  }

  current(): Written {
    if (this.#written !== null) return this.#written
    const text = JSON.stringify(this.#state())
    this.#written = { text, hash: createHash('sha256').update(text).digest('hex') }
    return this.#written
  }

  /** The state of now, signed; not much older than STATEMENT_MAX_AGE_MS. */
  statement(): SignedStatement {
    const { hash } = this.current()
    const nowMs = this.#clock.now()
    const known = this.#signed
    if (known?.hash === hash && nowMs - known.signedMs < STATEMENT_MAX_AGE_MS) return known
    const content: MemberStatement = {
      cluster: this.#clusterName,
      state: hash,
      signed_ms: nowMs,
      expires_ms: nowMs + this.offlineAccessMs(),
    }
    const statement = JSON.stringify(content)
    const signature = this.#authorities.signStatement(MEMBER_STATE_CONTEXT, statement)
    this.#signed = { statement, signature, hash, signedMs: nowMs }
    return this.#signed
  }

  /** Resolves when there may be another state than `after`, or after `waitMs`. */
  async news(member: string, after: string | undefined, waitMs: number): Promise<void> {
    if (this.current().hash === after) await this.#waiters.wait(member, waitMs)
  }

  /** Answers whoever waits, and lets nobody wait any more. */
  [Symbol.dispose](): void {
    if (this.#gathering !== null) clearTimeout(this.#gathering)
    for (const stop of this.#stops) stop()
    this.#waiters.close()
  }

  /** How long members go on without us; of settings that were written before there was a bound, as much as it allows. */
  offlineAccessMs(): number {
    const { offline_access_ttl: ttl } = this.#access.current().settings
    const wantedMs = ttl === undefined ? DEFAULT_OFFLINE_ACCESS_MS : parseDuration(ttl)
    return Math.min(wantedMs, MAX_OFFLINE_ACCESS_MS)
  }

  /** In an order of its own, so that equal states are equal texts. */
  #state(): MemberState {
    const { users, settings } = this.#access.current()
    const { roles, locks, removedHosts } = this.#access.resources()
    const { userCas, hostCas } = this.#authorities.trustedPem()
    return {
      version: 1,
      roles: roles.map(bare).sort(byName),
      users: [...users.values()]
        .map((user) => ({
          name: user.name,
          roles: [...user.roles],
          traits: copied(user.traits),
          created_ms: user.createdMs,
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
      locks: locks.map(bare).sort(byName),
      removed_hosts: [...removedHosts].sort(),
      settings,
      user_cas: [...userCas],
      host_cas: [...hostCas],
      proxies: [
        ...this.#ownProxies.map(({ host, port, hostId }) => ({
          host,
          port,
          ...(hostId === undefined ? {} : { host_id: hostId }),
        })),
        ...this.#proxies
          .list()
          .flatMap(({ tunnel, hostId, sinceMs }) =>
            tunnel.map(({ host, port }) => ({ host, port, host_id: hostId, since_ms: sinceMs })),
          ),
      ],
      session_recording: {
        records: this.#recording.records,
        strict: this.#recording.strict,
        recipients: [...this.#recording.recipients],
        pipe_bytes: this.#recording.pipeBytes,
      },
    }
  }
}

/** Without what only its editors need, and what differs from one auth server to the next. */
const bare = <R extends { readonly metadata: { readonly name: string } }>(resource: R): R => ({
  ...resource,
  metadata: { name: resource.metadata.name },
})

const byName = (
  a: { readonly metadata: { readonly name: string } },
  b: { readonly metadata: { readonly name: string } },
): number => (a.metadata.name < b.metadata.name ? -1 : 1)

const copied = (traits: Readonly<Record<string, readonly string[]>>): Record<string, string[]> =>
  Object.fromEntries(Object.entries(traits).map(([name, values]) => [name, [...values]]))
