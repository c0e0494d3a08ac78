import { displayWidth, truncate } from './width.ts'

/** How a piece of text looks; what a terminal without colours shows must say the same. */
export type Style = 'plain' | 'bold' | 'dim' | 'good' | 'warn' | 'bad' | 'accent' | 'inverse'

export interface Span {
  readonly text: string
  readonly style: Style
}

/** A line of a screen: pieces from left to right. */
export type Line = readonly Span[]

export const span = (text: string, style: Style = 'plain'): Span => ({ text, style })

/** SGR codes of the eight basic colours, which every theme makes readable. */
const SGR: Readonly<Record<Style, string>> = {
  plain: '',
  bold: '1',
  dim: '2',
  good: '32',
  warn: '33',
  bad: '31',
  accent: '36',
  inverse: '7',
}

export const lineWidth = (line: Line): number =>
  line.reduce((width, { text }) => width + displayWidth(text), 0)

/** The line in exactly so many columns: cut, or filled with spaces. */
export function fitLine(line: Line, width: number): Line {
  const fitted: Span[] = []
  let left = width
  for (const { text, style } of line) {
    const own = displayWidth(text)
    if (own <= left) {
      fitted.push({ text, style })
      left -= own
      continue
    }
    const cut = truncate(text, left)
    fitted.push({ text: cut, style })
    left -= displayWidth(cut)
    break
  }
  return left > 0 ? [...fitted, span(' '.repeat(left))] : fitted
}

/** As many of the items as fit, whole, with `gap` between them. */
export function fitItems(items: readonly Line[], width: number, gap = 2): Line {
  const line: Span[] = []
  let used = 0
  for (const item of items) {
    const needed = lineWidth(item) + (used === 0 ? 0 : gap)
    if (used + needed > width) break
    if (used > 0) line.push(span(' '.repeat(gap)))
    line.push(...item)
    used += needed
  }
  return line
}

/** What is sent to the terminal. Without colours it is the text alone. */
export function paint(line: Line, colour: boolean): string {
  const text = line
    .map(({ text: own, style }) => {
      const code = SGR[style]
      return colour && code !== '' && own !== '' ? `\u001b[${code}m${own}\u001b[0m` : own
    })
    .join('')
  return text.trimEnd()
}
