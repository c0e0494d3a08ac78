import { CodedError } from './errors.ts'

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/**
 * Milliseconds of a duration in Go's notation (`1h30m`, `8760h`, `1m0s`, `1.5h`), with `d` for 24 hours.
 * Throws CodedError DURATION_INVALID for anything else; signs and bare numbers are refused, `0s` is allowed.
 */
export function parseDuration(text: string): number {
  const part = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/y
  let total = 0
  while (part.lastIndex < text.length) {
    const at = part.lastIndex
    const match = part.exec(text)
    if (match === null) throw invalid(text, at)
    total += Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? Number.NaN)
  }
  const ms = Math.round(total)
  if (text === '' || !Number.isSafeInteger(ms)) throw invalid(text, 0)
  return ms
}

/** The shortest exact form of whole milliseconds: `25h`, `1h30m`, `500ms`, `0s`. */
export function formatDuration(ms: number): string {
  if (!Number.isSafeInteger(ms) || ms < 0)
    throw new TypeError('"ms" must be a non-negative integer')
  let rest = ms
  let text = ''
  for (const unit of ['h', 'm', 's', 'ms'] as const) {
    const size = UNIT_MS[unit] ?? 1
    const count = Math.floor(rest / size)
    if (count > 0) text += `${count}${unit}`
    rest -= count * size
  }
  return text === '' ? '0s' : text
}

const invalid = (text: string, at: number): CodedError<'DURATION_INVALID'> =>
  new CodedError(
    'DURATION_INVALID',
    `${JSON.stringify(text.slice(0, 64))} is not a duration like 30m, 25h or 8760h`,
    { facts: { at } },
  )
