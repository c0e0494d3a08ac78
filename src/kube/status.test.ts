import { describe, expect, it } from 'vitest'
import { discoveryText, statusBody, statusCodes } from './status.ts'

describe('statusBody()', () => {
  it.each(Object.entries(statusCodes))('says %s as %i', (reason, code) => {
    const message = 'no\n"quotes"'
    expect(JSON.parse(statusBody({ reason: reason as keyof typeof statusCodes, message }))).toEqual(
      {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message,
        reason,
        code,
      },
    )
  })

  it('keeps what else the value has to itself', () => {
    const refusal = {
      reason: 'Forbidden',
      message: 'no',
      secret: 'x',
      code: 'CERT_EXPIRED',
    } as const
    expect(JSON.parse(statusBody(refusal))).toMatchObject({ code: 403 })
    expect(statusBody(refusal)).not.toContain('secret')
  })
})

describe('discoveryText()', () => {
  it('is one line, whatever is in it', () => {
    expect(discoveryText(' a\r\nb\u0000\u0085\u2028c\u001b[31m ')).toBe('a b c [31m')
  })

  it('is short, and cut between characters', () => {
    expect(discoveryText('a'.repeat(500))).toHaveLength(500)
    const cut = discoveryText('👩'.repeat(501))
    expect([...cut]).toHaveLength(500)
    expect(cut.endsWith('👩…')).toBe(true)
  })
})
