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
    ['pseudo-headers', [':authority', 'a', ':path', '/b']],
    ['every Proxy header', ['Proxy-Connection', 'keep-alive', 'Proxy-Anything', '1']],
    ['a cousin of impersonation', ['Impersonate', 'a', 'Impersonated-User', 'b']],
    ['underscores', ['X_Remote_User', 'a', 'X_Forwarded_For', 'b', 'PROXY_AUTHORIZATION', 'c']],
    ['other forwarding headers', ['X-Forwarded', 'a', 'X-Original-URL', 'b', 'Alt-Used', 'c']],
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
      'X-Stream-Protocol-Version',
      'v4',
      'Connection',
      'Upgrade',
      'Upgrade',
      'SPDY/3.1',
      ...ours,
    ])
  })

  it.each([
    ['none', []],
    ['an empty one', ['Upgrade', '']],
    ['two', ['Upgrade', 'websocket', 'upgrade', 'SPDY/3.1']],
    ['a list', ['Upgrade', 'websocket, SPDY/3.1']],
    ['a line break', ['Upgrade', 'websocket\r\nX: y']],
  ])('refuses an upgrade to %s', (_what, headers) => {
    expect(() => up(headers, true)).toThrow(expect.objectContaining({ code: 'HEADER_UNSAFE' }))
  })

  it.each([
    ['a length', ['Content-Length', '5']],
    ['chunks', ['Transfer-Encoding', 'chunked']],
    ['both', ['Transfer-Encoding', 'chunked', 'Content-Length', '0']],
  ])('refuses an upgrade with %s of a body', (_what, headers) => {
    const asked = ['Upgrade', 'websocket', ...headers]
    expect(() => up(asked, true)).toThrow(expect.objectContaining({ code: 'HEADER_UNSAFE' }))
    expect(up(['Upgrade', 'websocket', 'Content-Length', '0'], true)).toContain('Upgrade')
  })

  it('keeps what a WebSocket needs, without a token in its protocols', () => {
    const headers = [
      'Sec-WebSocket-Key',
      'k',
      'Sec-WebSocket-Version',
      '13',
      'Sec-WebSocket-Protocol',
      'base64url.bearer.authorization.k8s.io.dG9rZW4, v5.channel.k8s.io',
      'Upgrade',
      'websocket',
    ]
    expect(up(headers, true)).toEqual([
      'Sec-WebSocket-Key',
      'k',
      'Sec-WebSocket-Version',
      '13',
      'Sec-WebSocket-Protocol',
      'v5.channel.k8s.io',
      'Connection',
      'Upgrade',
      'Upgrade',
      'websocket',
      ...ours,
    ])
    expect(up(['Sec-WebSocket-Protocol', 'base64url.bearer.authorization.k8s.io.dG9r'])).toEqual(
      ours,
    )
    expect(up(['sec-websocket-protocol', 'v4.channel.k8s.io,v5.channel.k8s.io'])).toEqual([
      'sec-websocket-protocol',
      'v4.channel.k8s.io,v5.channel.k8s.io',
      ...ours,
    ])
  })

  it.each([
    ['two lengths', ['Content-Length', '3', 'content-length', '3']],
    ['a list of lengths', ['Content-Length', '3, 3']],
    ['a signed length', ['Content-Length', '+3']],
    ['a length in hexadecimal', ['Content-Length', '0x3']],
    ['a length with an underscore twin', ['Content-Length', '3', 'Content_Length', '4']],
  ])('refuses %s', (_what, headers) => {
    expect(() => up(headers)).toThrow(expect.objectContaining({ code: 'HEADER_UNSAFE' }))
  })

  it('drops a length beside Transfer-Encoding', () => {
    expect(up(['Content-Length', '3', 'transfer-encoding', 'chunked'])).toEqual(ours)
    expect(up(['Transfer_Encoding', 'chunked', 'Content-Length', '3'])).toEqual(ours)
  })

  it('takes a value that is missing for an empty one', () => {
    expect(up(['Accept'])).toEqual(['Accept', '', ...ours])
    expect(up(['Connection'])).toEqual(ours)
    expect(() => up(['Upgrade'], true)).toThrow(expect.objectContaining({ code: 'HEADER_UNSAFE' }))
  })

  it('sends names as the bytes of their UTF-8', () => {
    const [, user] = upstreamHeaders({
      rawHeaders: [],
      principals: { user: 'zoë', groups: [] },
      upgrade: false,
    })
    expect(Buffer.from(user ?? '', 'latin1').toString('utf8')).toBe('zoë')
  })

  it('refuses groups like users', () => {
    const groups = ['devs', 'a\nb']
    expect(() =>
      upstreamHeaders({ rawHeaders: [], principals: { user: 'joe', groups }, upgrade: false }),
    ).toThrow(expect.objectContaining({ code: 'HEADER_UNSAFE' }))
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
      ),
      fc.string(),
    )
    const value = fc.oneof(
      fc.constantFrom('Impersonate-User', 'system:masters', 'upgrade'),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), fc.boolean(), (pairs, upgrade) => {
        const upgrading = upgrade ? ['Upgrade', 'websocket'] : []
        const headers = up([...upgrading, ...pairs.flat()], upgrade)
        expect(headers.slice(-ours.length)).toEqual(ours)
        const names = headers.slice(0, -ours.length).filter((_, index) => index % 2 === 0)
        expect(names.some((each) => /^(impersonate|x-remote)[-_]/i.test(each))).toBe(false)
      }),
    )
  })
})

describe('responseHeaders()', () => {
  it.each([
    ['hop-by-hop headers', ['Transfer-Encoding', 'chunked', 'Keep-Alive', 'x', 'Trailer', 'y']],
    ['what Connection names', ['Connection', 'x-one, X_Two', 'X-One', '1', 'x-two', '2']],
    ['an underscore twin of it', ['X_One', '1', 'connection', 'x-one']],
    ['Proxy headers', ['Proxy-Authenticate', 'Basic', 'proxy-connection', 'close']],
    ['a way around us', ['Alt-Svc', 'h3=":443"']],
    ['an upgrade', ['Upgrade', 'h2c', 'HTTP2-Settings', 'x']],
  ])('drops %s', (_what, headers) => {
    expect(responseHeaders(['Content-Type', 'a', ...headers])).toEqual(['Content-Type', 'a'])
  })

  it('keeps everything else as it came', () => {
    const headers = [
      'Audit-Id',
      '1',
      'Warning',
      '299 - "deprecated"',
      'Warning',
      '299 - "another"',
      'Content-Length',
      '2',
      'Set-Cookie',
      'a=b',
    ]
    expect(responseHeaders(headers)).toEqual(headers)
    expect(responseHeaders(['X'])).toEqual(['X', ''])
  })
})
