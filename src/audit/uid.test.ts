import { describe, expect, it } from 'vitest'
import { eventUidOf, newEventUid } from './uid.ts'

describe('newEventUid()', () => {
  it('is a UUID of version 7 that carries the time', () => {
    // The time of the example in RFC 9562, A.6.
    expect(newEventUid(1_645_557_742_000)).toMatch(
      /^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
  })

  it('sorts by time', () => {
    const times = [0, 1, 255, 256, 1_645_557_742_000, 1_645_557_742_001, 4e12]
    const uids = times.map(newEventUid)
    expect([...uids].sort()).toEqual(uids)
  })

  it('is another one each time', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => newEventUid(0))).size).toBe(10_000)
  })
})

it('eventUidOf() is a uid of that time too, and the same for the same words', () => {
  const uid = eventUidOf(1_645_557_742_000, 'upload of a')
  expect(uid).toMatch(/^017f22e2-79b0-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(eventUidOf(1_645_557_742_000, 'upload of a')).toBe(uid)
  expect(eventUidOf(1_645_557_742_000, 'upload of b')).not.toBe(uid)
})
