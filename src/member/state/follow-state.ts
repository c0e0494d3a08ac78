import type { AccessView } from '../../authz/index.ts'
import { type TrustBundle, type TrustedAuthority, trustedAuthority } from '../../ca/index.ts'
import { type Clock, errorCode, errorMessage, type Logger } from '../../core/index.ts'
import { pause } from '../../waits/index.ts'
import type { MemberIdentity } from '../identity/types.ts'
import type { MemberCall } from '../ports.ts'
import { SNAPSHOT_WRITE_MS, STATE_SILENT_MS } from './limits.ts'
import {
  assertVouched,
  judgeStatement,
  type ReadState,
  readState,
  type SignedState,
  type Vouched,
} from './read-state.ts'
import { retryAfterMs } from './retry.ts'
import { readSnapshot, writeSnapshot } from './snapshot-file.ts'

interface Known {
  readonly signed: SignedState
  readonly vouched: Vouched
  readonly read: ReadState
}

/**
 * What users, roles, locks and authorities are, as the auth service says. While it can be reached each change is heard of at
 * once; while it cannot, the last state counts, also after a restart, until the time that its signature names.
 */
export class MemberAccess implements Disposable {
  readonly #identity: MemberIdentity
  readonly #call: MemberCall
  readonly #path: string
  readonly #clock: Clock
  readonly #log: Logger
  readonly #stop = new AbortController()
  readonly #listeners = new Set<() => void>()
  readonly #proxyListeners = new Set<() => void>()
  #known: Known
  /** Changes are not followed. */
  #isBehind: boolean
  /** When the auth service said something last, by our clock. */
  #heardMs: number
  #revision = 0
  #writtenMs = Number.NEGATIVE_INFINITY

  private constructor(options: Options, known: Known | null) {
    this.#identity = options.identity
    this.#call = options.call
    this.#path = options.path
    this.#clock = options.clock
    this.#log = options.log
    // Set by `open` before anybody gets hold of it.
    this.#known = known as Known
    this.#isBehind = false
    this.#heardMs = options.clock.now()
  }

  /**
   * Opens with the state on disk when it holds, else waits for the first from the auth service, as long as it takes. Rejects
   * when the signal aborts before.
   */
  static async open(options: Options): Promise<MemberAccess> {
    const access = new MemberAccess(options, null)
    const stored = await access.#stored()
    if (stored !== null) {
      access.#known = stored
      access.#isBehind = true
      access.#heardMs = stored.vouched.signedMs
      options.log.info(
        { signed: new Date(stored.vouched.signedMs).toISOString() },
        'users and roles are those of the last run until the auth service is reached',
      )
    } else {
      await access.#first(options.signal)
    }
    void access.#follow()
    return access
  }

  current(): AccessView {
    return this.#known.read.view
  }

  /** Whom to trust. The same object until that changes with the state. */
  trust(): TrustBundle {
    return this.#known.read.trust
  }

  /** Why a service of ours is none any more, or not now; null: it is. */
  hostBar(hostId: string, nowMs: number): string | null {
    return this.#known.read.view.hostBar(hostId, nowMs)
  }

  /** Where the proxies of this Teleport cluster are. */
  proxies(): ReadState['proxies'] {
    return this.#known.read.proxies
  }

  /** How sessions are recorded. */
  recording(): ReadState['recording'] {
    return this.#known.read.recording
  }

  onProxiesChange(listener: () => void): () => void {
    this.#proxyListeners.add(listener)
    return () => this.#proxyListeners.delete(listener)
  }

  locksAgeMs(nowMs: number): number {
    const silentMs = Math.max(0, nowMs - this.#heardMs)
    // Who waits longer than he is kept waiting is not followed by anybody, whether or not he knows it yet: machines sleep.
    return this.#isBehind || silentMs >= STATE_SILENT_MS ? silentMs : 0
  }

  tooOldSinceMs(nowMs: number): number | null {
    const { expiresMs, signedMs } = this.#known.vouched
    return nowMs < expiresMs ? null : signedMs
  }

  /** Calls back after each change of users, roles, locks or authorities, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** A call that waits for news is left to its end: nothing of it counts any more. */
  [Symbol.dispose](): void {
    this.#stop.abort()
  }

  async #stored(): Promise<Known | null> {
    try {
      const signed = await readSnapshot(this.#path)
      return signed === null ? null : this.#judge(signed)
    } catch (error) {
      this.#log.error(
        { file: this.#path, code: errorCode(error), error: errorMessage(error) },
        'the stored state of users and roles is not used',
      )
      return null
    }
  }

  async #first(signal: AbortSignal): Promise<void> {
    for (let failures = 0; ; ) {
      signal.throwIfAborted()
      try {
        await unlessAborted(this.#ask(undefined), signal)
        return
      } catch (error) {
        if (signal.aborted) {
          // What is still answered counts no more.
          this.#stop.abort()
          throw signal.reason
        }
        failures += 1
        if (failures === 1) {
          this.#log.warn(
            { error: errorMessage(error) },
            'nothing can be served before the auth service has told users and roles: trying on',
          )
        }
        await pause(retryAfterMs(failures, Math.random()), signal)
      }
    }
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop
    let failures = 0
    while (!signal.aborted) {
      try {
        await this.#ask(this.#known.vouched.hash)
        if (failures > 0) this.#log.info({}, 'the auth service is reached again')
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        failures += 1
        // Whatever came after the last word that we heard was missed.
        this.#isBehind = true
        if (failures === 1) {
          this.#log.warn(
            {
              error: errorMessage(error),
              until: new Date(this.#known.vouched.expiresMs).toISOString(),
            },
            'the auth service is not reached: going on by what is known',
          )
        }
        await pause(retryAfterMs(failures, Math.random()), signal)
      }
    }
  }

  /** One call; resolves when what it told counts. */
  async #ask(after: string | undefined): Promise<void> {
    const answer = await this.#call('member.state', {
      // Who was cut off wants to know at once whether he missed something.
      query: {
        ...(after === undefined ? {} : { after }),
        ...(this.#isBehind ? { wait: false } : {}),
      },
    })
    if (this.#stop.signal.aborted) return
    if (answer.state === null) {
      const vouched = judgeStatement(answer, this.#by())
      // The text that we have is the one that is vouched for, or the answer is not for us.
      assertVouched(this.#known.signed.state, vouched)
      this.#known = { ...this.#known, vouched, signed: { ...this.#known.signed, ...pick(answer) } }
    } else {
      const before = this.#known as Known | null
      this.#known = this.#judge({ ...pick(answer), state: answer.state })
      this.#writtenMs = Number.NEGATIVE_INFINITY
      this.#heard()
      this.#tell(before)
    }
    this.#heard()
    await this.#keep()
  }

  #heard(): void {
    this.#isBehind = false
    this.#heardMs = this.#clock.now()
  }

  #judge(signed: SignedState): Known {
    const vouched = judgeStatement(signed, this.#by())
    assertVouched(signed.state, vouched)
    this.#revision += 1
    const read = readState(signed.state, this.#revision, (role, error) =>
      this.#log.error(
        { role, error: errorMessage(error) },
        'a role cannot be read: its holders are denied everything until it is mended, or this program is upgraded',
      ),
    )
    return { signed, vouched, read }
  }

  #by(): Parameters<typeof judgeStatement>[1] {
    return {
      hostCas: authoritiesOf(this.#identity.current().hostCaPem),
      teleportCluster: this.#identity.teleportCluster,
      nowMs: this.#clock.now(),
    }
  }

  #tell(before: Known | null): void {
    for (const listener of this.#listeners) listener()
    const is = JSON.stringify(this.#known.read.proxies)
    if (before !== null && JSON.stringify(before.read.proxies) === is) return
    for (const listener of this.#proxyListeners) listener()
  }

  /** What cannot be written is a worry for the next restart, and none for now. */
  async #keep(): Promise<void> {
    const nowMs = this.#clock.now()
    if (nowMs - this.#writtenMs < SNAPSHOT_WRITE_MS) return
    try {
      await writeSnapshot(this.#path, this.#known.signed)
      this.#writtenMs = nowMs
    } catch (error) {
      this.#log.warn(
        { file: this.#path, error: errorMessage(error) },
        'the state of users and roles cannot be kept: without the auth service a restart would serve nobody',
      )
    }
  }
}

interface Options {
  readonly identity: MemberIdentity
  readonly call: MemberCall
  /** The file in which the state is kept. */
  readonly path: string
  readonly clock: Clock
  readonly log: Logger
  /** Ends the wait for the first state. */
  readonly signal: AbortSignal
}

const pick = ({
  statement,
  signature,
}: {
  readonly statement: string
  readonly signature: string
}): Pick<SignedState, 'statement' | 'signature'> => ({ statement, signature })

/** Rejects as soon as the signal aborts: a call that waits for news may take half a minute. */
function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason)
    signal.addEventListener('abort', giveUp)
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp))
  })
}

/** Each certificate of a PEM text. */
function authoritiesOf(pem: string): TrustedAuthority[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []).map(
    trustedAuthority,
  )
}
