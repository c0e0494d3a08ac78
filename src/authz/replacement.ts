import type { RE2JS } from 're2js'

/** Literal text and numbers of groups, in order. */
export type Replacement = readonly (string | number)[]

/**
 * The replacement of `regexp.replace`, in the notation of Go's `Regexp.Expand`: `$1`, `${1}`, `$name`, `${name}`, `$$`.
 * A name is as long as it can be, so `$1x` is the group "1x". Throws Error for a group that the pattern does not have,
 * where Go would silently put nothing.
 */
export function parseReplacement(text: string, pattern: RE2JS): Replacement {
  const parts: (string | number)[] = []
  let at = 0
  for (const match of text.matchAll(/\$(?:\$|(\w+)|\{(\w+)\})/g)) {
    parts.push(text.slice(at, match.index))
    at = match.index + match[0].length
    const name = match[1] ?? match[2]
    parts.push(name === undefined ? '$' : groupNumber(name, pattern))
  }
  parts.push(text.slice(at))
  return parts.filter((part) => part !== '')
}

function groupNumber(name: string, pattern: RE2JS): number {
  const number = /^[0-9]+$/.test(name) ? Number(name) : pattern.namedGroups()[name]
  if (number === undefined || number > pattern.groupCount()) {
    throw new Error(
      `the pattern "${pattern.pattern()}" has no group "${name}": write \${1} for the first`,
    )
  }
  return number
}

/** The value with every match replaced, as Go's `ReplaceAllString` does it; null when nothing matches. Linear time. */
export function replaceAll(pattern: RE2JS, value: string, by: Replacement): string | null {
  const matcher = pattern.matcher(value)
  let replaced: string | null = null
  let at = 0
  let lastEnd = -1
  while (matcher.find()) {
    const begin = matcher.start()
    const end = matcher.end()
    // An empty match right behind another one does not count.
    if (begin === end && begin === lastEnd) continue
    replaced = (replaced ?? '') + value.slice(at, begin)
    for (const part of by) {
      replaced += typeof part === 'string' ? part : (matcher.group(part) ?? '')
    }
    at = end
    lastEnd = end
  }
  return replaced === null ? null : replaced + value.slice(at)
}
