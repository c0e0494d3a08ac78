/** What stands for a number that is not known yet. */
export const UNKNOWN = '-'

/** `0`, `0.1`, `3.4`, `128`, `12.3k`: at most five columns below a billion. */
export function rateText(rate: number | null): string {
  if (rate === null) return UNKNOWN
  if (rate === 0) return '0'
  if (rate < 0.1) return '<0.1'
  return rate < 9.95 ? rate.toFixed(1) : countText(Math.round(rate))
}

export function countText(count: number): string {
  return scaled(count, ['', 'k', 'M', 'G', 'T'])
}

/** Decimal units, as networks count: `512B`, `1.2kB`, `34MB`. */
export function bytesText(bytes: number | null): string {
  return bytes === null ? UNKNOWN : scaled(Math.round(bytes), ['B', 'kB', 'MB', 'GB', 'TB'])
}

function scaled(value: number, units: readonly string[]): string {
  let rest = value
  let unit = 0
  // 999.5 would be written with four digits.
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000
    unit += 1
  }
  const text = unit === 0 || rest >= 99.95 ? String(Math.round(rest)) : rest.toFixed(1)
  return text + (units[unit] ?? '')
}

/** `<1ms`, `4ms`, `1.2s`, `60s`. */
export function latencyText(ms: number | null): string {
  if (ms === null) return UNKNOWN
  if (ms < 1) return '<1ms'
  if (ms < 999.5) return `${Math.round(ms)}ms`
  return ms < 9950 ? `${(ms / 1000).toFixed(1)}s` : `${Math.round(ms / 1000)}s`
}

/** A part of a whole: `0%`, `<0.1%`, `0.2%`, `12%`. */
export function shareText(share: number | null): string {
  if (share === null) return UNKNOWN
  const percent = share * 100
  if (percent === 0) return '0%'
  if (percent < 0.1) return '<0.1%'
  return percent < 9.95 ? `${percent.toFixed(1)}%` : `${Math.round(percent)}%`
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** The two largest units: `2d 3h`, `3h 12m`, `45s`. */
export function uptimeText(ms: number): string {
  const parts = UNITS.flatMap(([name, size], index) => {
    const [, larger] = UNITS[index - 1] ?? ['', Number.POSITIVE_INFINITY]
    const count = Math.floor((ms % larger) / size)
    return [{ name, count }]
  })
  const first = parts.findIndex(({ count }) => count > 0)
  if (first === -1) return '0s'
  return parts
    .slice(first, first + 2)
    .filter(({ count }) => count > 0)
    .map(({ name, count }) => `${count}${name}`)
    .join(' ')
}
