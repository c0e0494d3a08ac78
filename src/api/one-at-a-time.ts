export type OneAtATime = <T>(work: () => Promise<T>) => Promise<T>

/**
 * Runs pieces of work one after the other, in the order in which they came: what one of them has looked at is still so
 * when it acts on it.
 */
export function oneAtATime(): OneAtATime {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const next = last.then(work)
    // Whoever comes after does not care how it ended.
    last = next.catch(() => {})
    return next
  }
}
