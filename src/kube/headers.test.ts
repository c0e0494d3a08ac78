import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { responseHeaders, upstreamHeaders } from './headers.ts'

const principals = { user: 'joe', groups: ['devs', 'system:authenticated'] }
const ours = [
  'Impersonate-User',
  'joe',
  'Impersonate-Group',
  'devs',
  'Impersonate-Group',
  'system:authenticated',
]
const up = (rawHeaders: string[], upgrade = false): string[] =>
  upstreamHeaders({ rawHeaders, principals, upgrade })

describe('upstreamHeaders()', () => {
  it('keeps what a request needs and adds who it is', () => {
    expect(
      up(['Accept', 'application/json', 'Content-Type', 'text/plain', 'Content-Length', '3']),
    ).toEqual([
      'Accept',
      'application/json',
      'Content-Type',
      'text/plain',
      'Content-Length',
      '3',
      ...ours,
    ])
  })

  it.each([
    [
      'impersonation of its own',
      ['Impersonate-User', 'system:admin', 'impersonate-group', 'system:masters'],
    ],
    ['impersonation with an underscore', ['Impersonate_User', 'system:admin']],
    ['Uid and Extra', ['Impersonate-Uid', '1', 'Impersonate-Extra-Scopes', 'x']],
    [
      'front-proxy headers',
      ['X-Remote-User', 'a', 'X-Remote-Group', 'system:masters', 'x-remote-extra-a', 'b'],
    ],
    [
      'forwarding headers',
      ['X-Forwarded-For', '1.2.3.4', 'Forwarded', 'for=a', 'X-Real-Ip', '1', 'Via', '1.1 a'],
    ],
    [
      'credentials',
      ['Authorization', 'Bearer x', 'Cookie', 'a=b', 'Proxy-Authorization', 'Basic x'],
    ],
    ['internal headers', ['X-Teleport-User', 'a', 'Audit-ID', '1']],
    [
      'hop-by-hop headers',
      [
        'TE',
        'trailers',
        'Trailer',
        'X',
        'Keep-Alive',
        '1',
        'Transfer-Encoding',
        'chunked',
        'Upgrade',
        'h2c',
        'Expect',
        '100-continue',
      ],
    ],
    ['Host', ['Host', 'elsewhere']],
  ])('drops %s', (_what, headers) => {
    expect(up(headers)).toEqual(ours)
  })

  it.each([
    'Impersonate-User, Impersonate-Group, Authorization',
    'impersonate-user,impersonate-group',
    'IMPERSONATE-USER',
    'close, Impersonate-Group',
  ])('keeps our impersonation when the client says Connection: %s', (value) => {
    expect(up(['connection', value, 'CONNECTION', value])).toEqual(ours)
  })

  it('drops what Connection names', () => {
    expect(up(['X-Private', '1', 'Connection', 'x-private'])).toEqual(ours)
  })

  it('asks for the upgrade again, and for that alone', () => {
    expect(
      up(
        [
          'Connection',
          'Upgrade, Impersonate-User',
          'Upgrade',
          'SPDY/3.1',
          'X-Stream-Protocol-Version',
          'v4',
        ],
        true,
      ),
    ).toEqual([
      'Upgrade',
      'SPDY/3.1',
      'X-Stream-Protocol-Version',
      'v4',
      'Connection',
      'Upgrade',
      ...ours,
    ])
  })

  it('sends names as the bytes of their UTF-8', () => {
    const [, user] = upstreamHeaders({
      rawHeaders: [],
      principals: { user: 'zoë', groups: [] },
      upgrade: false,
    })
    expect(Buffer.from(user ?? '', 'latin1').toString('utf8')).toBe('zoë')
  })

  it.each(['', ' a', 'a ', 'a\r\nImpersonate-Group: system:masters', 'a\u0000', 'a\tb', '\u00a0a'])(
    'refuses the user %j',
    (user) => {
      expect(() =>
        upstreamHeaders({ rawHeaders: [], principals: { user, groups: [] }, upgrade: false }),
      ).toThrow(expect.objectContaining({ code: 'HEADER_UNSAFE' }))
    },
  )

  it('lets no client change who the request is', () => {
    const name = fc.oneof(
      fc.constantFrom(
        'Impersonate-User',
        'impersonate-group',
        'IMPERSONATE-EXTRA-a',
        'Impersonate_User',
        'Connection',
        'X-Remote-User',
        'Accept',
        'Upgrade',
      ),
      fc.string(),
    )
    const value = fc.oneof(
      fc.constantFrom('Impersonate-User', 'system:masters', 'upgrade'),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), fc.boolean(), (pairs, upgrade) => {
        const headers = up(pairs.flat(), upgrade)
        expect(headers.slice(-ours.length)).toEqual(ours)
        const names = headers.slice(0, -ours.length).filter((_, index) => index % 2 === 0)
        expect(names.some((each) => /^(impersonate|x-remote)[-_]/i.test(each))).toBe(false)
      }),
    )
  })
})

describe('responseHeaders()', () => {
  it('ends hop-by-hop headers here, and those that Connection names', () => {
    expect(
      responseHeaders([
        'Content-Type',
        'a',
        'Connection',
        'x-one',
        'X-One',
        '1',
        'Transfer-Encoding',
        'chunked',
        'Keep-Alive',
        'x',
      ]),
    ).toEqual(['Content-Type', 'a'])
  })
})
