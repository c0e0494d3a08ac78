import { describe, expect, it } from 'vitest'
import { bars } from './spark.ts'

const options = { columns: 6, rows: 1, max: 8, unicode: true }

describe('bars()', () => {
  it('shows the newest at the right, on a ground line', () => {
    expect(bars([0, 1, 4, 8], options)).toEqual(['  ·▁▄█'])
    expect(bars([8, 8, 8, 8, 8, 0, 4, 8], options)).toEqual(['███·▄█'])
    expect(bars([], options)).toEqual(['      '])
  })

  it('never hides a single request beside a thousand', () => {
    expect(bars([1, 1000], { ...options, max: 1000, columns: 2 })).toEqual(['▁█'])
  })

  it('fills rows from the bottom', () => {
    expect(bars([2, 8, 4], { ...options, columns: 3, rows: 2 })).toEqual([' █ ', '▄██'])
  })

  it('shows nothing higher than the highest, and survives a history of nothing', () => {
    expect(bars([99], { ...options, columns: 1 })).toEqual(['█'])
    expect(bars([0, 0], { ...options, columns: 2, max: 0 })).toEqual(['··'])
  })

  it('does without block elements', () => {
    expect(bars([0, 1, 8], { ...options, unicode: false, columns: 3 })).toEqual(['._#'])
  })
})
