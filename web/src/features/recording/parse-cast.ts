/** Something that happened beside what the player shows. */
export interface Moment {
  /** Milliseconds from the beginning. */
  readonly atMs: number
  /** The same in the time of the player, whose pauses are shorter. */
  readonly playedMs: number
  readonly kind: 'stderr' | 'note'
  readonly text: string
}

export interface Cast {
  /** What the player is given. */
  readonly text: string
  readonly moments: readonly Moment[]
  readonly durationMs: number
  /** Nothing was printed at all. */
  readonly silent: boolean
}

/** Pauses are no longer than this in the player. */
export const IDLE_LIMIT_MS = 3000

/** More would be a list that nobody reads, and a slow page. */
const MAX_MOMENTS = 500

/**
 * An asciicast of ours: v2, and beside its output once more, as events `e`, what of it was stderr. These are taken out, since players
 * know no such event.
 */
export function parseCast(text: string): Cast {
  const kept: string[] = []
  const moments: Moment[] = []
  let durationMs = 0
  let silent = true
  let skippedMs = 0
  for (const line of text.split('\n')) {
    const event = eventOf(line)
    if (event === null) {
      if (line !== '') kept.push(line)
      continue
    }
    const [seconds, code, data] = event
    const atMs = seconds * 1000
    // As the player reckons.
    if (code !== 'e') skippedMs += Math.max(0, atMs - durationMs - IDLE_LIMIT_MS)
    const playedMs = atMs - skippedMs
    durationMs = Math.max(durationMs, atMs)
    if (code === 'o') silent = false
    if (code === 'e') add(moments, { atMs, playedMs, kind: 'stderr', text: data })
    else kept.push(line)
    if (code === 'm') add(moments, { atMs, playedMs, kind: 'note', text: data })
  }
  return { text: `${kept.join('\n')}\n`, moments, durationMs, silent }
}

function add(moments: Moment[], moment: Moment): void {
  const last = moments.at(-1)
  // A program writes a line in several pieces.
  if (last?.kind === 'stderr' && moment.kind === 'stderr' && moment.atMs - last.atMs < 100) {
    moments[moments.length - 1] = { ...last, text: last.text + moment.text }
  } else if (moments.length < MAX_MOMENTS) moments.push(moment)
  // The last one says how it ended, or what is wrong with it: nobody hides that behind others.
  else if (moment.kind === 'note') moments[MAX_MOMENTS - 1] = moment
}

function eventOf(line: string): [number, string, string] | null {
  if (!line.startsWith('[')) return null
  const value: unknown = JSON.parse(line)
  if (!Array.isArray(value)) return null
  const [seconds, code, data] = value as readonly unknown[]
  if (typeof seconds !== 'number' || typeof code !== 'string' || typeof data !== 'string') {
    return null
  }
  return [seconds, code, data]
}

/** Text of a terminal as words on a page. */
export const plainWords = (text: string): string =>
  text
    .replaceAll(
      /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g,
      '',
    )
    .replaceAll('\r\n', '\n')
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '')
    .trimEnd()
