import { expect, it } from 'vitest'
import { expectStatus, hostile, type Stage } from './support/hostile.ts'
import { dataFrame, type Field, headersFrame, talk, talkHttp2 } from './support/wire.ts'

/** Bytes with two markers: the request's own, and one that only a reader who is misled would take for a request. */
type Smuggling = readonly [title: string, lines: readonly string[], body: (inner: string) => string]

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

const CODING = (coding: string): Smuggling => [
  `the coding ${coding}`,
  [`Transfer-Encoding: ${coding}`],
  (inner) => `0\r\n\r\n${inner}`,
]

/** No reader may guess where these end: they are refused, and the connection is over. */
const REFUSED: readonly Smuggling[] = [
  [
    'a length beside chunks',
    ['Content-Length: 4', 'Transfer-Encoding: chunked'],
    (inner) => `0\r\n\r\n${inner}`,
  ],
  [
    'chunks beside a length',
    ['Transfer-Encoding: chunked', 'Content-Length: 5'],
    (inner) => `0\r\n\r\n${inner}`,
  ],
  ['two lengths', ['Content-Length: 0', 'Content-Length: 400'], (inner) => inner],
  ['two lengths, the other way', ['Content-Length: 400', 'Content-Length: 0'], (inner) => inner],
  ['a list of lengths', ['Content-Length: 0, 400'], (inner) => inner],
  ['a list of one length', ['Content-Length: 0, 0'], (inner) => inner],
  ['a length with a plus', ['Content-Length: +0'], (inner) => inner],
  ['a length with a minus', ['Content-Length: -1'], (inner) => inner],
  ['a length with a blank in it', ['Content-Length: 0 400'], (inner) => inner],
  ['a hexadecimal length', ['Content-Length: 0x0'], (inner) => inner],
  ['a length with a fraction', ['Content-Length: 0.0'], (inner) => inner],
  ['a length that overflows', ['Content-Length: 18446744073709551616'], (inner) => inner],
  ['an empty length', ['Content-Length: '], (inner) => inner],
  ['a blank before the colon', ['Content-Length : 0'], (inner) => inner],
  ['chunks with a blank before the colon', ['Transfer-Encoding : chunked'], (inner) => inner],
  ...['chunked, identity', 'chunked, x'].map(CODING),
  [
    'chunks that are not the last coding',
    ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
    (inner) => `0\r\n\r\n${inner}`,
  ],
  [
    'a coding with a vertical tab',
    ['Transfer-Encoding: \u000bchunked'],
    (inner) => `0\r\n\r\n${inner}`,
  ],
  ['a coding on the next line', ['Transfer-Encoding:', ' chunked'], (inner) => `0\r\n\r\n${inner}`],
  ['a coding behind a line feed', ['X-A: b\nTransfer-Encoding: chunked'], (inner) => inner],
  ['a length behind a carriage return', ['X-A: b\rContent-Length: 400'], (inner) => inner],
]

/** One request with a body, whatever is in it; what comes after a fault in its chunks is nothing. */
const CONTAINED: readonly Smuggling[] = [
  ...['xchunked', 'identity', 'chunked;q=1', '"chunked"'].map(CODING),
  ['chunks', ['Transfer-Encoding: chunked'], (inner) => `${chunk(inner)}0\r\n\r\n`],
  ['Chunks', ['Transfer-Encoding: ChunkeD'], (inner) => `${chunk(inner)}0\r\n\r\n`],
  [
    'compressed chunks',
    ['Transfer-Encoding: gzip, chunked'],
    (inner) => `${chunk(inner)}0\r\n\r\n`,
  ],
  [
    'chunks with an extension',
    ['Transfer-Encoding: chunked'],
    (inner) => `${inner.length.toString(16)};a=b\r\n${inner}\r\n0\r\n\r\n`,
  ],
  [
    'an extension with a line feed',
    ['Transfer-Encoding: chunked'],
    (inner) => `0;a\n\r\n\r\n${inner}`,
  ],
  [
    'a size that ends with a line feed',
    ['Transfer-Encoding: chunked'],
    (inner) => `0\n\r\n${inner}`,
  ],
  ['a size with a plus', ['Transfer-Encoding: chunked'], (inner) => `+0\r\n\r\n${inner}`],
  ['a size with a minus', ['Transfer-Encoding: chunked'], (inner) => `-0\r\n\r\n${inner}`],
  ['a size with 0x', ['Transfer-Encoding: chunked'], (inner) => `0x0\r\n\r\n${inner}`],
  [
    'a size with a blank before it',
    ['Transfer-Encoding: chunked'],
    (inner) => ` 0\r\n\r\n${inner}`,
  ],
  ['no size', ['Transfer-Encoding: chunked'], (inner) => `\r\n\r\n${inner}`],
  [
    'a size that overflows',
    ['Transfer-Encoding: chunked'],
    (inner) => `10000000000000000\r\n\r\n0\r\n\r\n${inner}`,
  ],
  [
    'a chunk that is longer than its size',
    ['Transfer-Encoding: chunked'],
    (inner) => `1\r\nxx\r\n0\r\n\r\n${inner}`,
  ],
  ['an end without a line', ['Transfer-Encoding: chunked'], (inner) => `0\r\n${inner}`],
  [
    'an underscore for a dash beside a length',
    ['Transfer_Encoding: chunked', 'Content-Length: LENGTH'],
    (inner) => inner,
  ],
  [
    'a length with an underscore',
    ['Content_Length: 0', 'Content-Length: LENGTH'],
    (inner) => inner,
  ],
  [
    'a length that Connection names',
    ['Connection: Content-Length', 'Content-Length: LENGTH'],
    (inner) => inner,
  ],
  [
    'chunks that Connection names',
    ['Connection: Transfer-Encoding', 'Transfer-Encoding: chunked'],
    (inner) => `${chunk(inner)}0\r\n\r\n`,
  ],
  [
    'impersonation behind the last chunk',
    ['Transfer-Encoding: chunked', 'Trailer: Impersonate-Group'],
    () => '0\r\nImpersonate-Group: system:masters\r\nImpersonate-User: system:admin\r\n\r\n',
  ],
]

const BROKEN_STARTS: readonly (readonly [title: string, text: (path: string) => string])[] = [
  ['lines that end with LF', (path) => `GET ${path} HTTP/1.1\nHost: kubernetes\n\n`],
  ['a head that ends with LF', (path) => `GET ${path} HTTP/1.1\r\nHost: kubernetes\r\n\n`],
  ['no version', (path) => `GET ${path}\r\nHost: kubernetes\r\n\r\n`],
  ['version 0.9', (path) => `GET ${path} HTTP/0.9\r\nHost: kubernetes\r\n\r\n`],
  ['version 2.0', (path) => `GET ${path} HTTP/2.0\r\nHost: kubernetes\r\n\r\n`],
  ['version 1.10', (path) => `GET ${path} HTTP/1.10\r\nHost: kubernetes\r\n\r\n`],
  ['two versions', (path) => `GET ${path} HTTP/1.1 HTTP/1.1\r\nHost: kubernetes\r\n\r\n`],
  ['a tab for a blank', (path) => `GET\t${path} HTTP/1.1\r\nHost: kubernetes\r\n\r\n`],
  ['the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a method in lower case', (path) => `get ${path} HTTP/1.1\r\nHost: kubernetes\r\n\r\n`],
  ['a NUL in the path', (path) => `GET ${path}\0 HTTP/1.1\r\nHost: kubernetes\r\n\r\n`],
  ['a line break in the path', (path) => `GET ${path}\r HTTP/1.1\r\nHost: kubernetes\r\n\r\n`],
]

hostile('framing of a hostile client', (stage, cluster) => {
  const send = (text: string) => talk(stage().door(cluster), stage().credentials, text)

  it('two requests in one write are two requests, each decided by itself', async () => {
    const [first, second, third] = [stage().marker(), stage().marker(), stage().marker()]
    const { answers } = await send(
      stage().get(stage().path(first)) +
        stage().get(stage().path(second), 'Impersonate-User: system:admin') +
        stage().get(stage().path(third), 'Connection: close'),
    )
    expect(answers.map(({ status }) => status)).toEqual([404, 403, 404])
    await stage().expectOnlyThePerson(cluster, first)
    await stage().expectOnlyThePerson(cluster, third)
    stage().denied(second, 'IMPERSONATION_DENIED')
    await stage().expectUnseen(cluster, second)
  })

  it.each(REFUSED)('HTTP/1.1: %s is refused', async (_title, lines, body) => {
    const [outer, inner] = [stage().marker(), stage().marker()]
    const { answers, closed } = await send(post(stage(), outer, inner, lines, body))
    expect(closed).toBe(true)
    expect(answers.map(({ status }) => status)).toEqual([400])
    expectStatus(answers[0]?.body ?? '', 400)
    await stage().expectUnseen(cluster, outer, inner)
  })

  it.each(CONTAINED)('HTTP/1.1: with %s nothing escapes the body', async (_title, lines, body) => {
    const [outer, inner] = [stage().marker(), stage().marker()]
    const { answers } = await send(
      post(stage(), outer, inner, ['Connection: close', ...lines], body),
    )
    expect(answers.length).toBeLessThanOrEqual(1)
    await stage().expectUnseen(cluster, inner)
    for (const seen of await stage().seen(cluster, outer)) {
      expect(seen).toMatchObject({ verb: 'create', impersonatedUser: { username: stage().user } })
      expect(seen.impersonatedUser?.groups).not.toContain('system:masters')
    }
  })

  it.each(['GET', 'DELETE'])('HTTP/1.1: the body of a %s is no request', async (method) => {
    const [outer, inner, next] = [stage().marker(), stage().marker(), stage().marker()]
    const body = stage().get(stage().path(inner))
    const { answers } = await send(
      stage().get(stage().path(outer), `Content-Length: ${body.length}`).replace('GET', method) +
        body +
        stage().get(stage().path(next), 'Connection: close'),
    )
    expect(answers.at(0)?.status).toBe(method === 'DELETE' ? 403 : 404)
    await stage().expectOnlyThePerson(cluster, outer)
    await stage().expectUnseen(cluster, inner)
  })

  it.each(BROKEN_STARTS)('HTTP/1.1: %s is no request', async (_title, text) => {
    const [marker, behind] = [stage().marker(), stage().marker()]
    const { answers, closed } = await send(
      text(stage().path(marker)) + stage().get(stage().path(behind)),
    )
    expect(closed).toBe(true)
    expect(answers.filter(({ status }) => status !== 400)).toEqual([])
    await stage().expectUnseen(cluster, marker, behind)
  })

  it('HTTP/1.1: no Host is no request', async () => {
    const marker = stage().marker()
    const text = stage().get(stage().path(marker), 'Connection: close')
    const { answers } = await send(text.replace('Host: kubernetes\r\n', ''))
    expect(answers.map(({ status }) => status)).toEqual([400])
    await stage().expectUnseen(cluster, marker)
  })

  it('HTTP/2: a request with a body is seen, so that what is not seen was not there', async () => {
    const marker = stage().marker()
    const length: Field = ['content-length', '2']
    const { body } = await framed([
      headersFrame([...head(marker, 'POST'), length], open),
      dataFrame('{}'),
    ])
    expectStatus(body, 403)
    await stage().expectOnlyThePerson(cluster, marker)
  })

  const open = { end: false } as const
  const framed = (frames: readonly Buffer[]) =>
    talkHttp2(stage().door(cluster), stage().credentials, frames)
  const head = (marker: string, method = 'GET'): Field[] => [
    [':method', method],
    [':scheme', 'https'],
    [':authority', 'kubernetes'],
    [':path', stage().path(marker)],
  ]
  const without = (marker: string, name: string): Field[] =>
    head(marker).filter(([field]) => field !== name)

  it.each<readonly [string, (marker: string, other: string) => readonly Field[]]>([
    ['two paths', (m, other) => [...head(m), [':path', stage().path(other)]]],
    ['two methods', (m) => [...head(m), [':method', 'DELETE']]],
    ['two authorities', (m) => [...head(m), [':authority', 'elsewhere']]],
    ['two schemes', (m) => [...head(m), [':scheme', 'http']]],
    ['no path', (m) => [...without(m, ':path'), ['user-agent', m]]],
    ['an empty path', (m) => [...without(m, ':path'), [':path', ''], ['user-agent', m]]],
    ['no method', (m) => without(m, ':method')],
    ['no scheme', (m) => without(m, ':scheme')],
    [
      'a path behind a header',
      (m) => [...without(m, ':path'), ['x-a', 'b'], [':path', stage().path(m)]],
    ],
    ['an unknown pseudo-header', (m) => [...head(m), [':impersonate-user', 'system:admin']]],
    ['a status', (m) => [...head(m), [':status', '200']]],
    ['a method with a blank', (m) => [[':method', 'GET /'], ...without(m, ':method')]],
    [
      'a method with a request in it',
      (m, other) => [[':method', stage().get(stage().path(other))], ...without(m, ':method')],
    ],
    ['a path with CR LF', (m) => [...without(m, ':path'), [':path', `${stage().path(m)}\r\nx: y`]]],
    ['a path with NUL', (m) => [...without(m, ':path'), [':path', `${stage().path(m)}\0`]]],
    ['CONNECT with a path', (m) => head(m, 'CONNECT')],
    ['an extended CONNECT', (m) => [...head(m, 'CONNECT'), [':protocol', 'websocket']]],
    ['a protocol without CONNECT', (m) => [...head(m), [':protocol', 'websocket']]],
    ['a length without a body', (m) => [...head(m), ['content-length', '5']]],
    ['two lengths', (m) => [...head(m), ['content-length', '0'], ['content-length', '0']]],
    ['a length with a plus', (m) => [...head(m), ['content-length', '+0']]],
  ])('HTTP/2: %s breaks the stream', async (_title, fields) => {
    const [marker, other] = [stage().marker(), stage().marker()]
    const talked = await framed([headersFrame(fields(marker, other))])
    expect(talked.reset ?? talked.goaway).not.toBeNull()
    await stage().expectUnseen(cluster, marker, other)
  })

  it.each([
    ['longer', '5'],
    ['shorter', '500'],
  ])('HTTP/2: a body that is %s than its length is not served', async (_title, length) => {
    const [outer, inner] = [stage().marker(), stage().marker()]
    const talked = await framed([
      headersFrame([...head(outer, 'POST'), ['content-length', length]], open),
      dataFrame(stage().get(stage().path(inner))),
    ])
    expect(talked.reset ?? talked.goaway).not.toBeNull()
    await stage().expectUnseen(cluster, inner)
  })

  it('HTTP/2: impersonation in trailers is nobody', async () => {
    const marker = stage().marker()
    const trailers = headersFrame([
      ['impersonate-user', 'system:admin'],
      ['impersonate-group', 'system:masters'],
    ])
    await framed([headersFrame(head(marker, 'POST'), open), dataFrame('{}', false), trailers])
    await stage().expectOnlyThePerson(cluster, marker)
  })

  it.each(['TRACE', 'PROPFIND', 'get'])('HTTP/2: the method %s goes nowhere', async (method) => {
    const marker = stage().marker()
    const { body } = await framed([headersFrame(head(marker, method))])
    expectStatus(body, 405)
    stage().denied(marker, 'BAD_REQUEST')
    await stage().expectUnseen(cluster, marker)
  })
})

function post(
  stage: Stage,
  outer: string,
  inner: string,
  lines: readonly string[],
  body: (inner: string) => string,
): string {
  const sent = body(stage.get(stage.path(inner)))
  const filled = lines.map((line) => line.replace('LENGTH', String(sent.length)))
  return stage.get(stage.path(outer), ...filled).replace('GET', 'POST') + sent
}
