/**
 * What is underway, of things that come and go thousands of times a second. A `Set` would do but for the garbage collector:
 * when it grows into a new table, its old one still points to that and to everything that it held, so that once a table
 * has grown old every request that ever was in the set stays until the next full collection (measured: two thirds of what
 * survived, and pauses of 13 ms instead of 3). A place here is overwritten when it is left.
 */
export class Crowd<Member extends object> {
  readonly #members: (Member | null)[] = []
  readonly #free: number[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The returned function takes the member out; calling it again does nothing. */
  enter(member: Member): () => void {
    const place = this.#free.pop() ?? this.#members.length
    this.#members[place] = member
    this.#size += 1
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      this.#members[place] = null
      this.#free.push(place)
      this.#size -= 1
    }
  }

  /** How many places there are, taken or not: the end of a walk with `some`. */
  get places(): number {
    return this.#members.length
  }

  /** Those who are in now at some of the places, from `first` on: a walk that stops now and then meets nobody who has left. */
  some(first: number, count: number): Member[] {
    return this.#members.slice(first, first + count).filter((member) => member !== null)
  }

  /** Those who are in now; whoever comes or goes meanwhile changes nothing of it. */
  members(): Member[] {
    return this.#members.filter((member) => member !== null)
  }
}
