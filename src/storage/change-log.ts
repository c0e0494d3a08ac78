import type { Change, Revision } from './backend.ts'
import { StorageError } from './errors.ts'
import { keyRange } from './key.ts'
import { MAX_CHANGE_HISTORY } from './limits.ts'

/** Recent changes in memory, and the watchers who wait for the next one. One per backend. */
export class ChangeLog {
  readonly #changes: Change[] = []
  readonly #waiting = new Set<() => void>()
  #oldest: Revision
  #closed = false

  /** Nothing before `revision` can be watched. */
  constructor(revision: Revision) {
    this.#oldest = revision
  }

  append(change: Change): void {
    this.#changes.push(change)
    if (this.#changes.length > 2 * MAX_CHANGE_HISTORY) {
      const dropped = this.#changes.splice(0, this.#changes.length - MAX_CHANGE_HISTORY)
      const last = dropped.at(-1)
      if (last !== undefined) this.#oldest = revisionOf(last)
    }
    this.#wake()
  }

  /** Watchers end. */
  close(): void {
    this.#closed = true
    this.#wake()
  }

  async *watch(prefix: string, from: Revision, signal: AbortSignal): AsyncGenerator<Change> {
    const range = keyRange(prefix)
    let seen = from
    while (!signal.aborted && !this.#closed) {
      if (seen < this.#oldest) {
        throw new StorageError('RESYNC', `revision ${seen} is too old: read everything again`)
      }
      for (const change of this.#after(seen)) {
        if (signal.aborted) return
        seen = revisionOf(change)
        const key = change.type === 'put' ? change.item.key : change.key
        if (key >= range.from && (range.to === null || key < range.to)) yield change
        if (seen < this.#oldest) break
      }
      if (this.#after(seen).length === 0) await this.#next(signal)
    }
  }

  /** Changes after a revision, found from the end since watchers are seldom behind. */
  #after(revision: Revision): readonly Change[] {
    let index = this.#changes.length
    while (index > 0) {
      const change = this.#changes[index - 1]
      if (change === undefined || revisionOf(change) <= revision) break
      index -= 1
    }
    return this.#changes.slice(index)
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted || this.#closed) {
        resolve()
        return
      }
      const wake = (): void => {
        this.#waiting.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiting.add(wake)
      signal.addEventListener('abort', wake)
    })
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }
}

export const revisionOf = (change: Change): Revision =>
  change.type === 'put' ? change.item.revision : change.revision
