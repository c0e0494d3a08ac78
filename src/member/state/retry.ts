import { RETRY_FIRST_MS, RETRY_LAST_MS } from './limits.ts'

/** How long to wait after so many failures in a row. `random` is from 0 to 1. */
export function retryAfterMs(failures: number, random: number): number {
  const ceiling = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 16))
  return ceiling / 2 + (random * ceiling) / 2
}
