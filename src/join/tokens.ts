import { timingSafeEqual } from 'node:crypto'
import { type Clock, errorCode } from '../core/index.ts'
import { type Backend, type Item, listAll } from '../storage/index.ts'
import { JoinError } from './errors.ts'
import type { MemberService } from './services.ts'
import { newTokenText, tokenHash, tokenName, tokenProblem } from './token-text.ts'

export type Labels = Readonly<Record<string, string>>

/** Dynamic clusters that members may be given: those whose labels match all of these. */
export interface KubeMatcher {
  readonly labels: Readonly<Record<string, string | readonly string[]>>
}

/** A join token as everybody may see it who may see tokens: without the token. */
export interface JoinToken {
  /** By what it is named; for its members also their lineage. */
  readonly name: string
  readonly services: readonly MemberService[]
  /** Of the members that join with it. */
  readonly labels: Labels
  /** The dynamic clusters that they may be given; absent: none. */
  readonly kubeResources?: readonly KubeMatcher[]
  /** Milliseconds since the epoch; null: it stands in the configuration file. */
  readonly expiresAtMs: number | null
  readonly createdMs: number | null
}

/** A token of the configuration file. */
export interface StaticToken {
  readonly token: string
  readonly services: readonly MemberService[]
  readonly kubeResources?: readonly KubeMatcher[]
}

interface StoredToken {
  readonly name: string
  /** SHA-256, hexadecimal. */
  readonly hash: string
  readonly services: readonly MemberService[]
  readonly labels: Labels
  readonly kubeResources?: readonly KubeMatcher[]
  readonly expiresAtMs: number
  readonly createdMs: number
}

/** Before the names of tokens of the configuration file; those of others have only hexadecimal digits. */
const FIXED = 'static-'

/** Whether a token, or a lineage, is one of the configuration file, or was when its members joined. */
export const isFixedToken = (name: string): boolean => name.startsWith(FIXED)

const PREFIX = 'join_tokens'
const keyOf = (name: string): string => `${PREFIX}/${name}`

/**
 * Tokens with which proxies and kubernetes services join. At rest there are only hashes; those of the configuration file are
 * never written. A token may be used again until its time is over, so that a Deployment of several pods needs one.
 */
export class JoinTokens {
  readonly #backend: Backend
  readonly #clock: Clock
  readonly #fixed: readonly { readonly hash: Buffer; readonly token: JoinToken }[]

  constructor(backend: Backend, clock: Clock, fixed: readonly StaticToken[]) {
    this.#backend = backend
    this.#clock = clock
    this.#fixed = fixed.map(({ token, services, kubeResources = [] }) => ({
      hash: tokenHash(token),
      token: {
        name: `${FIXED}${tokenName(token)}`,
        services,
        labels: {},
        kubeResources,
        expiresAtMs: null,
        createdMs: null,
      },
    }))
  }

  /** Rejects with JoinError TOKEN_WEAK for a value that is too easy, and TOKEN_EXISTS for one that is there. */
  async create(wish: {
    readonly services: readonly MemberService[]
    readonly labels: Labels
    readonly kubeResources: readonly KubeMatcher[]
    readonly ttlMs: number
    /** Chosen by the administrator; null: a random one. */
    readonly value: string | null
  }): Promise<{ readonly token: string; readonly made: JoinToken }> {
    const token = wish.value ?? newTokenText()
    const problem = tokenProblem(token)
    if (problem !== null) throw new JoinError('TOKEN_WEAK', problem)
    const nowMs = this.#clock.now()
    const stored: StoredToken = {
      name: tokenName(token),
      hash: tokenHash(token).toString('hex'),
      services: wish.services,
      labels: wish.labels,
      kubeResources: wish.kubeResources,
      expiresAtMs: nowMs + wish.ttlMs,
      createdMs: nowMs,
    }
    try {
      await this.#backend.create({
        key: keyOf(stored.name),
        value: JSON.stringify(stored),
        expiresAtMs: stored.expiresAtMs,
      })
    } catch (error) {
      if (errorCode(error) !== 'ALREADY_EXISTS') throw error
      throw new JoinError('TOKEN_EXISTS', 'this token exists already: choose another value', {
        cause: error,
      })
    }
    return { token, made: shown(stored) }
  }

  /** The token that somebody brings; null for one that never was, was removed or is too old: nobody is told which. */
  async find(token: string): Promise<JoinToken | null> {
    const hash = tokenHash(token)
    // All of them, whatever is found: what takes longer tells nothing.
    const fixed = this.#fixed.filter((one) => timingSafeEqual(one.hash, hash))
    const item = await this.#backend.get(keyOf(tokenName(token)))
    if (fixed[0] !== undefined) return fixed[0].token
    if (item === null) return null
    const stored = parse(item)
    return timingSafeEqual(Buffer.from(stored.hash, 'hex'), hash) ? shown(stored) : null
  }

  /** By its name, those of the configuration file included. */
  async read(name: string): Promise<JoinToken | null> {
    const fixed = this.#fixed.find(({ token }) => token.name === name)
    if (fixed !== undefined) return fixed.token
    const item = await this.#backend.get(keyOf(name))
    return item === null ? null : shown(parse(item))
  }

  /** Those of the configuration file first. */
  async list(): Promise<readonly JoinToken[]> {
    const stored = await listAll(this.#backend, PREFIX)
    return [...this.#fixed.map(({ token }) => token), ...stored.map((item) => shown(parse(item)))]
  }

  /** Nobody joins with it any more; who has joined stays. False: there was none. */
  async delete(name: string): Promise<boolean> {
    try {
      await this.#backend.delete(keyOf(name))
      return true
    } catch (error) {
      if (errorCode(error) === 'NOT_FOUND') return false
      throw error
    }
  }
}

// What is stored was written by this file.
const parse = (item: Item): StoredToken => JSON.parse(item.value) as StoredToken

const shown = ({ hash: _, ...token }: StoredToken): JoinToken => token
