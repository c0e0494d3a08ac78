import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { followSignals } from './follow-signals.ts'

describe('a signal that follows others', () => {
  it('aborts with the first of them, and with its reason', () => {
    const [one, other] = [new AbortController(), new AbortController()]
    using either = followSignals([one.signal, other.signal])
    expect(either.signal.aborted).toBe(false)
    other.abort('enough')
    one.abort('late')
    expect(either.signal.reason).toBe('enough')
  })

  it('is aborted from the beginning when one of them is', () => {
    using either = followSignals([new AbortController().signal, AbortSignal.abort('before')])
    expect(either.signal.reason).toBe('before')
  })

  it('leaves nothing at any of them when it has aborted', () => {
    const [one, other] = [new AbortController(), new AbortController()]
    using either = followSignals([one.signal, other.signal])
    one.abort()
    expect(either.signal.aborted).toBe(true)
    expect(getEventListeners(one.signal, 'abort')).toEqual([])
    expect(getEventListeners(other.signal, 'abort')).toEqual([])
  })

  it('leaves nothing at any of them when it is disposed, and does not abort any more', () => {
    const [one, other] = [new AbortController(), new AbortController()]
    const either = followSignals([one.signal, other.signal])
    expect(getEventListeners(one.signal, 'abort')).toHaveLength(1)
    either[Symbol.dispose]()
    expect(getEventListeners(one.signal, 'abort')).toEqual([])
    expect(getEventListeners(other.signal, 'abort')).toEqual([])
    one.abort()
    expect(either.signal.aborted).toBe(false)
  })
})
