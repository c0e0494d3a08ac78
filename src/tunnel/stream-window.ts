import type { TunnelLimits } from './limits.ts'

/**
 * The window that each of so many streams gets, a power of two: all stalled readers together leave no more than
 * `tunnelMemoryBytes` with us. Windows of open streams follow (RFC 9113, 6.9.2), so it is set as they come and go. `now` is
 * the one that is set: growing waits until twice as many would fit, so that a number at the edge does not flap.
 */
export function streamWindow(
  streams: number,
  now: number,
  limits: Pick<TunnelLimits, 'streamWindowBytes' | 'minStreamWindowBytes' | 'tunnelMemoryBytes'>,
): number {
  const fitting = (count: number): number => {
    const share = limits.tunnelMemoryBytes / Math.max(1, count)
    const power = 2 ** Math.floor(Math.log2(share))
    return Math.min(limits.streamWindowBytes, Math.max(limits.minStreamWindowBytes, power))
  }
  const wanted = fitting(streams)
  return wanted < now ? wanted : Math.max(now, fitting(streams * 2))
}
