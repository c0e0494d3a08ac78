/** Characters of a terminal. */
export interface TerminalSize {
  readonly width: number
  readonly height: number
}

const MAX = 0xffff

/** A message of the resize channel: `{"Width":80,"Height":24}`, the names in any case, as servers in Go read them. Null for what is none. */
export function parseTerminalSize(text: string): TerminalSize | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return null
    const entries: [string, unknown][] = Object.entries(value)
    const fields = new Map(entries.map(([name, each]) => [name.toLowerCase(), each]))
    const [width, height] = [fields.get('width'), fields.get('height')]
    return isSize(width) && isSize(height) ? { width, height } : null
  } catch {
    return null
  }
}

/** As client-go writes it: with a line break, for a reader of JSON values in a stream. */
export const formatTerminalSize = ({ width, height }: TerminalSize): string =>
  `${JSON.stringify({ Width: width, Height: height })}\n`

const isSize = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX
