import { describe, expect, it } from 'vitest'
import { formatOrigin, parseOrigin } from './origin.ts'

describe('origins', () => {
  it.each([
    { address: '192.0.2.1', port: 4711 },
    { address: '2001:db8::7', port: 1 },
    { address: '::ffff:192.0.2.1', port: 65_535 },
  ])('%o is read as it was written', (origin) => {
    expect(parseOrigin(formatOrigin(origin))).toEqual(origin)
  })

  it.each([
    undefined,
    '',
    '192.0.2.1',
    'localhost:1',
    '192.0.2.1:70000',
    '192.0.2.1:',
    ':1',
    ['192.0.2.1:1'],
  ])('%o is none', (value) => {
    expect(parseOrigin(value)).toBeNull()
  })
})
