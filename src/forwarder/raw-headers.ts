/** The first value of a header in alternating names and values; `name` in lower case. */
export function headerOf(rawHeaders: readonly string[], name: string): string | null {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === name) return rawHeaders[index + 1] ?? ''
  }
  return null
}
