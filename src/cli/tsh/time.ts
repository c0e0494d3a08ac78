/** `2026-11-25T14:00:00Z`: one form for people and programs, and no time zone to guess. */
export const instant = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')

/** `in 11h 59m`, `3m ago`, as coarse as it is far. */
export function remaining(untilMs: number, nowMs: number): string {
  const seconds = Math.round(Math.abs(untilMs - nowMs) / 1000)
  const text = span(seconds)
  return untilMs >= nowMs ? `in ${text}` : `${text} ago`
}

function span(seconds: number): string {
  const days = Math.floor(seconds / 86_400)
  const hours = Math.floor((seconds % 86_400) / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  if (days > 0) return hours > 0 ? `${days}d ${hours}h` : `${days}d`
  if (hours > 0) return minutes > 0 ? `${hours}h ${minutes}m` : `${hours}h`
  return minutes > 0 ? `${minutes}m` : `${seconds}s`
}
