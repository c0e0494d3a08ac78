import { describe, expect, it } from 'vitest'
import { humanDuration, selectorText } from './format.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

describe('an age', () => {
  it.each([
    [-5 * SECOND, '<invalid>'],
    [0, '0s'],
    [119 * SECOND, '119s'],
    [2 * MINUTE, '2m'],
    [2 * MINUTE + 5 * SECOND, '2m5s'],
    [10 * MINUTE + 5 * SECOND, '10m'],
    [179 * MINUTE, '179m'],
    [3 * HOUR, '3h'],
    [7 * HOUR + 5 * MINUTE, '7h5m'],
    [47 * HOUR, '47h'],
    [2 * DAY, '2d'],
    [7 * DAY + 3 * HOUR, '7d3h'],
    [400 * DAY, '400d'],
    [730 * DAY, '2y'],
    [731 * DAY, '2y1d'],
    [3000 * DAY, '8y'],
  ])('%i is %s', (ms, text) => {
    expect(humanDuration(ms)).toBe(text)
  })
})

describe('a selector', () => {
  it('is written as its query', () => {
    expect(
      selectorText({
        matchLabels: { b: '1' },
        matchExpressions: [
          { key: 'a', operator: 'In', values: ['x', 'y'] },
          { key: 'c', operator: 'Exists' },
          { key: 'd', operator: 'DoesNotExist' },
        ],
      }),
    ).toBe('!d,a in (x,y),b=1,c')
    expect(selectorText({})).toBe('<none>')
  })
})
