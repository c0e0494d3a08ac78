/** Below this nobody notices: certificates begin five minutes in the past, codes live thirty seconds. */
const WORTH_SAYING_MS = 60_000

/**
 * How far this machine's clock is ahead of the server's (negative: behind), in milliseconds; null when it is too little
 * to be said, or the server's time is none.
 */
export function clockDifferenceMs(serverTime: string, nowMs: number): number | null {
  const serverMs = Date.parse(serverTime)
  if (!Number.isFinite(serverMs)) return null
  const differenceMs = nowMs - serverMs
  return Math.abs(differenceMs) <= WORTH_SAYING_MS ? null : differenceMs
}

/** `the clock of this machine is 10m12s ahead of the server's`. */
export function clockWords(differenceMs: number): string {
  const seconds = Math.round(Math.abs(differenceMs) / 1000)
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  const parts = [hours > 0 ? `${hours}h` : '', minutes > 0 ? `${minutes}m` : '', `${seconds % 60}s`]
  return `the clock of this machine is ${parts.join('')} ${differenceMs > 0 ? 'ahead of' : 'behind'} the server's`
}

export const CLOCK_HINT =
  'set the clock right ("timedatectl set-ntp true"): certificates and one-time codes depend on it'
