import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  DIAL_BACK_PREAMBLE_BYTES,
  DIAL_BACK_TICKET_BYTES,
  formatDialBack,
  parseDialBack,
  ticketOf,
} from './preamble.ts'

const random = fc.uint8Array({
  minLength: DIAL_BACK_TICKET_BYTES,
  maxLength: DIAL_BACK_TICKET_BYTES,
})

describe('the preamble of a dial-back', () => {
  it('is read as it was written, and waits for every byte', () => {
    fc.assert(
      fc.property(random, (bytes) => {
        const ticket = ticketOf(Buffer.from(bytes))
        const written = formatDialBack(ticket)
        expect(written).toHaveLength(DIAL_BACK_PREAMBLE_BYTES)
        expect(parseDialBack(written)).toEqual({ status: 'ok', ticket })
        for (let length = 0; length < written.length; length += 1) {
          expect(parseDialBack(written.subarray(0, length)).status).toBe('needMore')
        }
      }),
      { numRuns: 50 },
    )
  })

  it('holds 128 bits of name and 256 of secret', () => {
    const { id, secret } = ticketOf(randomBytes(DIAL_BACK_TICKET_BYTES))
    expect(id).toMatch(/^[0-9a-f]{32}$/)
    expect(secret).toHaveLength(32)
  })

  const whole = formatDialBack(ticketOf(Buffer.alloc(DIAL_BACK_TICKET_BYTES, 7)))
  it.each([
    ['a ClientHello', Buffer.from([22, 3, 1])],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
    ['a later version', Buffer.from([0xdb, 2])],
    ['a byte too much', Buffer.concat([whole, Buffer.from([0])])],
  ])('is not %s', (_what, bytes) => {
    const parsed = parseDialBack(bytes)
    expect(parsed.status === 'error' && parsed.error.code).toBe('DIAL_BACK_MALFORMED')
  })

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        const parsed = parseDialBack(Buffer.from(bytes))
        if (parsed.status !== 'ok') return
        expect(formatDialBack(parsed.ticket)).toEqual(Buffer.from(bytes))
      }),
    )
  })
})
