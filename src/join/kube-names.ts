import { createHash } from 'node:crypto'
import { type Clock, errorCode } from '../core/index.ts'
import { type Backend, type Item, listAll } from '../storage/index.ts'

/** Whose a name of a Kubernetes cluster is. */
export interface NameOwner {
  readonly name: string
  /** The name of the join token that its first agent came with, or OWN_LINEAGE. */
  readonly lineage: string
  /** Milliseconds since the epoch. */
  readonly claimedMs: number
}

/** The lineage of the auth service's own process; tokens have hexadecimal names, so none is called like this. */
export const OWN_LINEAGE = 'auth'

const PREFIX = 'kube_names'
/** Cluster names are context names, of any length and with '/' in them; keys are neither. */
const keyOf = (name: string): string =>
  `${PREFIX}/${createHash('sha256').update(name).digest('hex')}`

/**
 * Which lineage a name of a Kubernetes cluster belongs to. Who serves a name first binds it; agents of the same token share it,
 * any other is refused, however long the owner is away, until an administrator frees the name. Otherwise whoever holds a
 * token could draw the users of a cluster to himself.
 */
export class KubeNames {
  readonly #backend: Backend
  readonly #clock: Clock

  constructor(backend: Backend, clock: Clock) {
    this.#backend = backend
    this.#clock = clock
  }

  /** Binds a name unless it is bound; resolves to whom it belongs afterwards. */
  async claim(name: string, lineage: string): Promise<NameOwner> {
    for (;;) {
      const owner = await this.owner(name)
      if (owner !== null) return owner
      const mine: NameOwner = { name, lineage, claimedMs: this.#clock.now() }
      try {
        await this.#backend.create({ key: keyOf(name), value: JSON.stringify(mine) })
        return mine
      } catch (error) {
        // Somebody was faster: his it is.
        if (errorCode(error) !== 'ALREADY_EXISTS') throw error
      }
    }
  }

  async owner(name: string): Promise<NameOwner | null> {
    const item = await this.#backend.get(keyOf(name))
    return item === null ? null : parse(item)
  }

  /** Whether a lineage may serve a name: it is the owner. */
  async owns(name: string, lineage: string): Promise<boolean> {
    return (await this.owner(name))?.lineage === lineage
  }

  async list(): Promise<readonly NameOwner[]> {
    return (await listAll(this.#backend, PREFIX)).map(parse)
  }

  /** The next one who serves the name gets it. False: it belonged to nobody. */
  async free(name: string): Promise<boolean> {
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
const parse = (item: Item): NameOwner => JSON.parse(item.value) as NameOwner
