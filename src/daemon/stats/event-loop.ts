import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { StatsSnapshot } from '../../contract/index.ts'
import { EVENT_LOOP_WINDOW_MS } from './limits.ts'

/** How often the delay is sampled; what is shorter than this is not seen, and need not be. */
const RESOLUTION_MS = 20
const NS_PER_MS = 1e6

type Delay = StatsSnapshot['process']['event_loop_delay_ms']

export interface EventLoopDelay extends Disposable {
  /** Of the last window that is over; zero before the first. */
  read(): Delay
}

/** Measures how late the event loop is, window by window: since the start would hide what is now. */
export function watchEventLoop(): EventLoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  let last: Delay = { p50: 0, p99: 0, max: 0 }
  const timer = setInterval(() => {
    if (histogram.count > 0) {
      last = {
        p50: late(histogram.percentile(50)),
        p99: late(histogram.percentile(99)),
        max: late(histogram.max),
      }
    }
    histogram.reset()
  }, EVENT_LOOP_WINDOW_MS)
  timer.unref()
  return {
    read: () => last,
    [Symbol.dispose]() {
      clearInterval(timer)
      histogram.disable()
    },
  }
}

/** The histogram has the time between two samples: late is what exceeds their distance. In tenths of a millisecond. */
const late = (ns: number): number =>
  Math.max(0, Math.round((ns / NS_PER_MS - RESOLUTION_MS) * 10) / 10)
