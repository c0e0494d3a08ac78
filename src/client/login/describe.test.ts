import { describe, expect, it } from 'vitest'
import { parseDescription } from './describe.ts'

const whole = { cluster_name: 'example.com', host_ca: 'PEM', time: '2026-01-01T00:00:00Z' }

describe('parseDescription()', () => {
  it('takes what says who it is', () => {
    expect(parseDescription(whole)).toEqual(whole)
  })

  it.each([
    ['nothing', null],
    ['text', 'hello'],
    ['no authority', { ...whole, host_ca: undefined }],
    ['an authority that is no text', { ...whole, host_ca: { pem: 'PEM' } }],
    ['no name', { ...whole, cluster_name: '' }],
    ['a name as long as a page', { ...whole, cluster_name: 'x'.repeat(257) }],
    ['no time', { ...whole, time: 7 }],
  ])('refuses %s', (_what, value) => {
    expect(() => parseDescription(value)).toThrow(expect.objectContaining({ code: 'BAD_ANSWER' }))
  })
})
