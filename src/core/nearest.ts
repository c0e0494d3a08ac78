/** Those of the known names that somebody may have meant by another one: the ones with the fewest slips, when they are few. */
export function nearest(name: string, known: readonly string[]): readonly string[] {
  const distances = known.map((candidate) => editDistance(name, candidate))
  const least = Math.min(...distances)
  if (least > Math.max(1, name.length / 4)) return []
  return known.filter((_, at) => distances[at] === least)
}

/** Levenshtein's. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + cost))
    }
    row = next
  }
  return row[b.length] ?? 0
}
