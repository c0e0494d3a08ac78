import { describe, expect, it } from 'vitest'
import { explainAltered, explainFailure } from './failures.ts'

const openssl = (reason: string, code = 'EPROTO'): Error =>
  Object.assign(
    new Error(
      `write EPROTO 403D:error:0A000119:SSL routines:tls_get_more_records:${reason}:../ssl/record/methods/tls_common.c:873:`,
    ),
    { code },
  )

describe('explainFailure()', () => {
  it.each([
    ['decryption failed or bad record mac', 'CONNECTION_ALTERED'],
    ['ssl/tls alert bad record mac', 'CONNECTION_ALTERED'],
    ['tlsv1 alert decrypt error', 'CONNECTION_ALTERED'],
    ['digest check failed', 'CONNECTION_ALTERED'],
    ['wrong version number', 'SERVER_NOT_TRUSTED'],
    ['tlsv1 unrecognized name', 'SERVER_NOT_TRUSTED'],
  ])('%s: %s, in words without numbers', (reason, code) => {
    const explained = explainFailure(openssl(reason), 'example.com:3080', undefined)
    expect(explained.code).toBe(code)
    expect(explained.message).toContain('example.com:3080')
    expect(explained.message).toMatch(new RegExp(`: ${reason}$`))
    expect(explained.hint).not.toBeNull()
  })

  it('takes nothing for altered that never came', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), {
      code: 'ECONNREFUSED',
    })
    expect(explainAltered(refused, 'example.com:3080')).toBeNull()
    expect(explainFailure(refused, 'example.com:3080', undefined).code).toBe('CONNECT_FAILED')
  })
})
