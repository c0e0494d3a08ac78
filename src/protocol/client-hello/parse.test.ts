import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tlsAlert } from './alert.ts'
import { parseClientHello } from './parse.ts'

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255])
const vector = (bytes: 1 | 2, body: Buffer): Buffer =>
  Buffer.concat([bytes === 1 ? Buffer.from([body.length]) : u16(body.length), body])
const extension = (type: number, body: Buffer): Buffer =>
  Buffer.concat([u16(type), vector(2, body)])
const serverName = (name: string, type = 0): Buffer =>
  extension(
    0,
    vector(2, Buffer.concat([Buffer.from([type]), vector(2, Buffer.from(name, 'latin1'))])),
  )
const alpn = (...protocols: string[]): Buffer =>
  extension(
    16,
    vector(2, Buffer.concat(protocols.map((protocol) => vector(1, Buffer.from(protocol))))),
  )

function message(extensions: Buffer | null): Buffer {
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(32, 1)),
    vector(2, Buffer.from([0x13, 0x01, 0x13, 0x02])),
    vector(1, Buffer.from([0])),
    ...(extensions === null ? [] : [vector(2, extensions)]),
  ])
  return Buffer.concat([Buffer.from([1, 0, body.length >> 8, body.length & 255]), body])
}
/** The message in records of at most `size` bytes. */
function records(bytes: Buffer, size = 16_000): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size)
    parts.push(Buffer.from([22, 3, 1]), u16(part.length), part)
  }
  return Buffer.concat(parts)
}
const hello = (...extensions: Buffer[]): Buffer => records(message(Buffer.concat(extensions)))
const code = (bytes: Buffer): string => {
  const parsed = parseClientHello(bytes)
  return parsed.status === 'error' ? parsed.error.code : parsed.status
}

describe('parseClientHello()', () => {
  it('finds server name and protocols', () => {
    const grease = extension(0x0a0a, Buffer.from([0]))
    expect(
      parseClientHello(hello(grease, serverName('K.Example.com'), alpn('h2', 'http/1.1'))),
    ).toEqual({
      status: 'ok',
      hello: { serverName: 'k.example.com', alpn: ['h2', 'http/1.1'] },
    })
  })

  it('takes a ClientHello without server name, protocols or extensions', () => {
    expect(parseClientHello(hello(extension(43, Buffer.alloc(3))))).toMatchObject({
      hello: { serverName: null, alpn: [] },
    })
    expect(parseClientHello(records(message(null)))).toMatchObject({
      hello: { serverName: null, alpn: [] },
    })
  })

  it('reads the same from any split into records, and waits for every byte', () => {
    const large = extension(51, Buffer.alloc(1500, 9))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), (size) => {
        const bytes = records(message(Buffer.concat([large, serverName('a.b'), alpn('h2')])), size)
        expect(parseClientHello(bytes)).toMatchObject({
          status: 'ok',
          hello: { serverName: 'a.b', alpn: ['h2'] },
        })
      }),
      { numRuns: 30 },
    )
    const bytes = hello(large, serverName('a.b'))
    for (let length = 0; length < bytes.length; length += 1) {
      expect(parseClientHello(bytes.subarray(0, length)).status).toBe('needMore')
    }
  })

  it('ignores what follows in later records', () => {
    const bytes = Buffer.concat([hello(serverName('a.b')), Buffer.from([23, 3, 3, 0, 1, 0])])
    expect(parseClientHello(bytes)).toMatchObject({ status: 'ok' })
  })

  it.each([
    ['two server name extensions', hello(serverName('a.b'), serverName('c.d'))],
    [
      'two names in one',
      hello(
        extension(
          0,
          vector(
            2,
            Buffer.concat([
              Buffer.from([0]),
              vector(2, Buffer.from('a')),
              Buffer.from([0]),
              vector(2, Buffer.from('b')),
            ]),
          ),
        ),
      ),
    ],
    ['another type of name', hello(serverName('a.b', 1))],
    ['an empty name', hello(serverName(''))],
    ['an address', hello(serverName('127.0.0.1'))],
    ['a NUL', hello(serverName('a\u0000.b'))],
    ['a dot at the end', hello(serverName('a.b.'))],
    ['a blank', hello(serverName('a b'))],
    ['bytes beyond ASCII', hello(serverName('\u00e9.b'))],
    ['a label of 64', hello(serverName(`${'a'.repeat(64)}.b`))],
    ['ALPN twice', hello(alpn('h2'), alpn('http/1.1'))],
    ['an empty protocol', hello(extension(16, vector(2, Buffer.from([0]))))],
    [
      'an extension longer than the list',
      records(message(Buffer.concat([u16(0), u16(500), Buffer.from('x')]))),
    ],
    ['another handshake message', records(Buffer.from([2, 0, 0, 1, 0]))],
    [
      'bytes behind the message in its record',
      records(Buffer.concat([message(null), Buffer.from('x')])),
    ],
    ['an empty record', Buffer.concat([Buffer.from([22, 3, 1, 0, 0]), hello(serverName('a.b'))])],
    [
      'an alert in between',
      Buffer.concat([
        records(message(serverName('a.b')), 30).subarray(0, 35),
        Buffer.from([21, 3, 3, 0, 2, 2, 0]),
      ]),
    ],
  ])('refuses %s', (_what, bytes) => {
    expect(code(bytes)).toBe('HELLO_MALFORMED')
  })

  it('refuses by the length, before the bytes come', () => {
    expect(code(Buffer.from([22, 3, 1, 0x40, 0, 1, 0x01, 0, 0]))).toBe('HELLO_TOO_LARGE')
    expect(code(Buffer.from([22, 3, 1, 0xff, 0xff]))).toBe('HELLO_MALFORMED')
  })

  it('knows plain HTTP and other protocols', () => {
    expect(code(Buffer.from('GET / HTTP/1.1\r\n'))).toBe('HELLO_PLAIN_HTTP')
    expect(code(Buffer.from('SSH-2.0-OpenSSH\r\n'))).toBe('HELLO_NOT_TLS')
    expect(code(Buffer.from([0x80, 0x2e, 0x01]))).toBe('HELLO_NOT_TLS')
    expect(code(Buffer.from('G'))).toBe('needMore')
  })

  it('answers whatever bytes come', () => {
    const good = hello(
      serverName('a.b'),
      alpn('h2', 'http/1.1'),
      extension(51, Buffer.alloc(200, 1)),
    )
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }),
        (flips) => {
          const bytes = Buffer.from(good)
          for (const [at, value] of flips) bytes[at] = value
          const parsed = parseClientHello(bytes)
          if (parsed.status === 'ok' && parsed.hello.serverName !== null) {
            expect(parsed.hello.serverName).toMatch(/^[a-z0-9_.-]+$/)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('tlsAlert()', () => {
  it('is a fatal unrecognized_name', () => {
    expect(tlsAlert('unrecognized_name').toString('hex')).toBe('15030300020270')
  })
})
