import { describe, expect, it } from 'vitest'
import { parseProxyHeader } from './parse.ts'

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const v2 = (command: number, family: number, body: Buffer): Buffer =>
  Buffer.concat([
    signature,
    Buffer.from([command, family, body.length >> 8, body.length & 255]),
    body,
  ])
const four = Buffer.from([10, 0, 0, 1, 10, 0, 0, 2, 0x30, 0x39, 0, 80])
const six = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.alloc(16),
  Buffer.from([0x30, 0x39, 0, 80]),
])

describe('parseProxyHeader()', () => {
  it.each([
    [
      'TCP4',
      Buffer.from('PROXY TCP4 10.0.0.1 10.0.0.2 12345 80\r\nrest'),
      { address: '10.0.0.1', port: 12345 },
      39,
    ],
    [
      'TCP6',
      Buffer.from('PROXY TCP6 2001:db8::1 ::1 12345 80\r\n'),
      { address: '2001:db8::1', port: 12345 },
      37,
    ],
    ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), null, 15],
    ['v2 TCP4', v2(0x21, 0x11, four), { address: '10.0.0.1', port: 12345 }, 28],
    ['v2 TCP6', v2(0x21, 0x21, six), { address: '2001:db8::1', port: 12345 }, 52],
    [
      'v2 with TLVs',
      v2(0x21, 0x11, Buffer.concat([four, Buffer.alloc(20)])),
      { address: '10.0.0.1', port: 12345 },
      48,
    ],
    [
      'v2 TCP6 of IPv4',
      v2(
        0x21,
        0x21,
        Buffer.concat([Buffer.from('00000000000000000000ffff08080808', 'hex'), six.subarray(16)]),
      ),
      { address: '8.8.8.8', port: 12345 },
      52,
    ],
    ['v2 LOCAL', v2(0x20, 0x00, Buffer.alloc(0)), null, 16],
    ['v2 UNSPEC', v2(0x21, 0x00, Buffer.alloc(3)), null, 19],
  ])('reads %s, and waits for every byte', (_what, bytes, source, consumed) => {
    expect(parseProxyHeader(bytes)).toEqual({ status: 'ok', source, consumed })
    for (let length = 0; length < consumed; length += 1) {
      expect(parseProxyHeader(bytes.subarray(0, length)).status).toBe('needMore')
    }
  })

  it.each([
    ['no header', Buffer.from([22, 3, 1]), 'PROXY_HEADER_MISSING'],
    ['a line without end', Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`), 'PROXY_HEADER_MALFORMED'],
    [
      'a wrong address',
      Buffer.from('PROXY TCP4 10.0.0.999 10.0.0.2 1 2\r\n'),
      'PROXY_HEADER_MALFORMED',
    ],
    [
      'a name as address',
      Buffer.from('PROXY TCP6 localhost ::1 1 2\r\n'),
      'PROXY_HEADER_MALFORMED',
    ],
    [
      'a wrong port',
      Buffer.from('PROXY TCP4 10.0.0.1 10.0.0.2 70000 2\r\n'),
      'PROXY_HEADER_MALFORMED',
    ],
    ['version 3', v2(0x31, 0x11, four), 'PROXY_HEADER_MALFORMED'],
    ['UDP', v2(0x21, 0x12, four), 'PROXY_HEADER_MALFORMED'],
    ['too few bytes for its family', v2(0x21, 0x11, four.subarray(0, 5)), 'PROXY_HEADER_MALFORMED'],
    ['a header that is too long', v2(0x21, 0x11, Buffer.alloc(5000)), 'PROXY_HEADER_MALFORMED'],
  ])('refuses %s', (_what, bytes, code) => {
    const parsed = parseProxyHeader(bytes)
    expect(parsed.status === 'error' && parsed.error.code).toBe(code)
  })
})
