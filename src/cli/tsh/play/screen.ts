import { printable } from '../../format.ts'
import {
  fitItems,
  fitLine,
  type Line,
  lineWidth,
  paint,
  type Span,
  span,
} from '../../terminal/line.ts'
import { truncate } from '../../terminal/width.ts'
import type { PlayerState } from './state.ts'

/** What the last line tells beyond the player's own state. */
export interface Caption {
  /** Who, where: `alice in west: team/web-0`. */
  readonly title: string
  /** How long the session is, in its own time; null while nobody knows. */
  readonly durationMs: number | null
  /** What happened last that is not on the screen: a marker, how it ended. */
  readonly note: string
  /** Of the session's terminal, when it is larger than what is shown. */
  readonly cropped: string | null
}

export interface Look {
  readonly columns: number
  readonly colour: boolean
  readonly unicode: boolean
}

/** The last line: what the player does, where it is, what it plays. */
export function captionLine(state: PlayerState, caption: Caption, look: Look): string {
  const head: Line = [
    span(` ${signOf(state, look.unicode)} `, 'inverse'),
    span(` ${timeText(state.positionMs)}`, 'bold'),
    ...(caption.durationMs === null ? [] : [span(` / ${timeText(caption.durationMs)}`, 'dim')]),
    ...(state.speed === 1 ? [] : [span(`  ${state.speed}x`, 'accent')]),
  ]
  const left = Math.max(0, look.columns - lineWidth(head) - 2)
  const note = truncate(printable(caption.note), left)
  const items: Line[] = [
    ...(note === '' ? [] : [[span(note, 'warn')]]),
    [span(printable(caption.title))],
    ...(caption.cropped === null ? [] : [[span(caption.cropped, 'dim')]]),
    [span('? keys', 'dim')],
  ]
  const rest = fitItems(items, left)
  return paint(fitLine([...head, span('  '), ...rest], look.columns), look.colour)
}

const KEYS: readonly (readonly [string, string])[] = [
  ['space', 'pause, go on'],
  ['left right', '5 seconds back, forward'],
  ['up down', 'faster, slower'],
  ['.', 'one frame, while paused'],
  ['home end', 'to the beginning, to the end'],
  ['q', 'quit'],
]

/** The keys, in place of the screen. */
export const helpLines = (look: Look): string[] => [
  '',
  ...KEYS.map(([key, says]): string => {
    const line: Span[] = [span('  '), span(key.padEnd(12), 'bold'), span(says)]
    return paint(fitLine(line, look.columns), look.colour)
  }),
]

function signOf({ kind }: PlayerState, unicode: boolean): string {
  switch (kind) {
    case 'playing':
      return unicode ? '▶' : '>'
    case 'seeking':
      return unicode ? '»' : '>>'
    case 'paused':
    case 'stepping':
      return unicode ? '‖' : '||'
    case 'ended':
    case 'quit':
      return unicode ? '■' : '[]'
  }
}

/** `1:02:03`, `02:03`. */
export function timeText(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return seconds < 3600 ? minutes : `${Math.floor(seconds / 3600)}:${minutes}`
}
