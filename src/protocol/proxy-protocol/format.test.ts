import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatProxyHeader } from './format.ts'
import { parseProxyHeader } from './parse.ts'

const read = (address: string, port: number): unknown => {
  const bytes = formatProxyHeader({ address, port })
  const parsed = parseProxyHeader(Buffer.concat([bytes, Buffer.from('rest')]))
  if (parsed.status !== 'ok') return parsed.status
  expect(parsed.consumed).toBe(bytes.length)
  return parsed.source
}

describe('formatProxyHeader', () => {
  it('is the header of the specification', () => {
    expect(formatProxyHeader({ address: '192.0.2.1', port: 4711 }).toString('hex')).toBe(
      '0d0a0d0a000d0a515549540a2111000cc0000201000000001267' + '0000',
    )
  })

  it('is read as what was written, for any IPv4 address', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 0, max: 65_535 }), (address, port) => {
        expect(read(address, port)).toEqual({ address, port })
      }),
    )
  })

  it('is read as what was written, for any IPv6 address', () => {
    fc.assert(
      fc.property(fc.ipV6(), fc.integer({ min: 0, max: 65_535 }), (address, port) => {
        const shortest = new URL(`http://[${address}]`).hostname.slice(1, -1)
        const source = read(address, port)
        expect(source).toMatchObject({ port })
        const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
        expect(source).toMatchObject({ address: mapped ?? shortest })
      }),
    )
  })

  it('says an IPv4 address that a socket of both families tells as such', () => {
    expect(read('::ffff:192.0.2.1', 1)).toEqual({ address: '192.0.2.1', port: 1 })
  })

  it('says nothing of what is no address', () => {
    expect(read('somewhere', 1)).toBeNull()
    expect(read('fe80::1%eth0', 1)).toEqual({ address: 'fe80::1', port: 1 })
  })
})
