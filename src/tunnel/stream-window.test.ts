import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultTunnelLimits as limits } from './limits.ts'
import { streamWindow } from './stream-window.ts'

const { streamWindowBytes: most, minStreamWindowBytes: least, tunnelMemoryBytes } = limits

describe('streamWindow', () => {
  it.each([
    [0, most],
    [256, most],
    [257, most / 2],
    [1000, most / 4],
    [20_000, least],
  ])('of %i streams each gets %i', (streams, window) => {
    expect(streamWindow(streams, most, limits)).toBe(window)
  })

  it('never lets stalled readers hold more than the memory of a tunnel, as long as each keeps the least', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: tunnelMemoryBytes / least }),
        fc.integer({ min: 16, max: 20 }),
        (streams, power) => {
          const window = streamWindow(streams, 2 ** power, limits)
          expect(window * streams).toBeLessThanOrEqual(tunnelMemoryBytes)
        },
      ),
    )
  })

  it('does not flap at an edge', () => {
    let window = streamWindow(257, most, limits)
    for (const streams of [256, 257, 250, 257]) window = streamWindow(streams, window, limits)
    expect(window).toBe(most / 2)
    expect(streamWindow(128, window, limits)).toBe(most)
  })
})
