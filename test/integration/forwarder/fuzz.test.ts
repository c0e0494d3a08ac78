import type { TLSSocket } from 'node:tls'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { valuesOf } from './support/api-server.ts'
import { frame, literal } from './support/http2-frames.ts'
import { PATIENTLY, PODS, Stage } from './support/stage.ts'
import { readAnswers } from './support/wire.ts'

const RUNS = 150

let stage: Stage
const uncaught: unknown[] = []
const note = (error: unknown): void => void uncaught.push(error)

beforeEach(async () => {
  stage = await Stage.open({ limits: { maxHeaderBytes: 16_384, maxHeaderPairs: 100 } })
  process.on('uncaughtExceptionMonitor', note)
})
afterEach(async () => {
  process.off('uncaughtExceptionMonitor', note)
  await stage[Symbol.asyncDispose]()
  expect(uncaught).toEqual([])
})

/** Sends pieces, ends, and gives what came back. */
async function exchange(alpn: string, pieces: readonly Buffer[]): Promise<Buffer> {
  const socket: TLSSocket = await stage.raw(alpn)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const over = new Promise<void>((resolve) => {
    for (const event of ['end', 'close', 'error']) socket.once(event, () => resolve())
  })
  for (const piece of pieces) {
    if (!socket.writable) break
    socket.write(piece)
    await new Promise((resolve) => setImmediate(resolve))
  }
  // Most that is right is answered by then; what is not is left waiting.
  const patience = new Promise((resolve) => setTimeout(resolve, 20))
  await Promise.race([over, new Promise((resolve) => socket.once('data', resolve)), patience])
  socket.end()
  await over
  socket.destroy()
  return Buffer.concat(chunks)
}

/** Whatever was sent, what went up was the person, and nobody else. */
function expectOnlyThePerson(): number {
  const arrived = stage.api.arrived.length
  for (const { headers } of stage.api.arrived.splice(0)) {
    expect(valuesOf(headers, 'impersonate-user')).toEqual(['alice'])
    for (const group of valuesOf(headers, 'impersonate-group')) {
      expect(['team', 'system:authenticated']).toContain(group)
    }
    expect(valuesOf(headers, 'authorization')).toEqual(['Bearer service'])
    const names = headers
      .filter((_name, index) => index % 2 === 0)
      .map((name) => name.toLowerCase())
    const familiar = names.filter((name) => name.replaceAll('_', '-').startsWith('impersonate'))
    expect([...new Set(familiar)].sort()).toEqual(['impersonate-group', 'impersonate-user'])
  }
  return arrived
}

const target = fc.oneof(
  fc.constantFrom(PODS, `${PODS}?watch=1`, `${PODS}/a`, '/version', '/', '*', '//', '/a/../b'),
  fc.constantFrom('http://other/api/v1/pods', `${PODS}/%2e%2e/x`, `${PODS}?a\0b`, '\u00e9'),
  fc.string({ maxLength: 20 }),
)
const line = fc.oneof(
  fc.constantFrom(
    ...['Content-Length: 2', 'Content-Length: 0', 'Content-Length: 99', 'Content-Length: -1'],
    ...[
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: gzip, chunked',
      'Transfer-encoding : chunked',
    ],
    ...[
      'Connection: close',
      'Connection: Impersonate-User',
      'Connection: Upgrade',
      'Upgrade: SPDY/3.1',
    ],
    ...[
      'Impersonate-User: root',
      'Impersonate_User: root',
      'Impersonate-User: alice',
      'Impersonate-Extra-x: y',
    ],
    ...['Impersonate-Group: system:masters', 'Authorization: Bearer x', 'Expect: 100-continue'],
    ...[
      'Expect: more',
      'TE: trailers',
      'Trailer: X',
      'Cookie: a=b',
      'Host: two',
      `X-Long: ${'y'.repeat(20_000)}`,
    ],
  ),
  fc
    .tuple(fc.string({ maxLength: 10 }), fc.string({ maxLength: 20 }))
    .map((pair) => pair.join(':')),
)
const body = fc.constantFrom(
  ...[
    '',
    '{}',
    '2\r\n{}\r\n0\r\n\r\n',
    '2;x\r\n{}\r\n0\r\nX: y\r\n\r\n',
    'zz\r\n',
    'ffffffffffffffff\r\n',
    '0\r\n\r\n',
  ],
)
const method = fc.constantFrom(
  'GET',
  'POST',
  'DELETE',
  'HEAD',
  'PUT',
  'OPTIONS',
  'CONNECT',
  'PRI',
  'FOO',
  '',
)
const version = fc.constantFrom(
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/2.0',
  'HTTP/0.9',
  'ICE/1.0',
)
const eol = fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r')
const request = fc
  .tuple(method, target, version, fc.array(line, { maxLength: 6 }), body, eol)
  .map(([verb, path, spoken, lines, content, end]) =>
    Buffer.from(
      `${[`${verb} ${path} ${spoken}`, 'Host: k', ...lines].join(end)}${end}${end}${content}`,
      'latin1',
    ),
  )

const GOOD = Buffer.from(
  `POST ${PODS} HTTP/1.1\r\nHost: k\r\nImpersonate-Group: team\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
)

const nearly = fc.oneof({ arbitrary: request, weight: 3 }, fc.constant(GOOD))

/** Bytes that were right, with some of them changed. */
const mutated = (right: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> =>
  fc
    .tuple(
      right,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }),
      fc.nat(),
      fc.boolean(),
    )
    .map(([bytes, changes, cut, whole]) => {
      const copy = Buffer.from(bytes)
      for (const [at, to] of changes) if (copy.length > 0) copy[at % copy.length] = to
      return whole || copy.length === 0 ? copy : copy.subarray(0, cut % copy.length)
    })

describe('HTTP/1.1', () => {
  test.each([
    ['requests that are nearly right', fc.array(nearly, { minLength: 1, maxLength: 3 })],
    ['requests with changed bytes', fc.array(mutated(nearly), { minLength: 1, maxLength: 3 })],
    [
      'any bytes',
      fc.array(
        fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
        { maxLength: 3 },
      ),
    ],
  ])('%s: every answer parses, only the person goes up, nothing stays', async (name, pieces) => {
    let arrived = 0
    await fc.assert(
      fc.asyncProperty(pieces, async (sent) => {
        const came = await exchange('http/1.1', sent)
        // HEAD answers cannot be told from the bytes alone.
        if (!Buffer.concat(sent).includes('HEAD')) readAnswers(came)
        arrived += expectOnlyThePerson()
      }),
      // Changed bytes may all be wrong: one is right.
      { numRuns: RUNS, examples: name === 'any bytes' ? [] : [[[GOOD]]] },
    )
    await stage.expectQuiet()
    await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
    arrived += expectOnlyThePerson()
    // Some were right enough.
    if (name !== 'any bytes') expect(arrived).toBeGreaterThan(0)
  })
})

describe('HTTP/2', () => {
  const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  const name = fc.oneof(
    fc.constantFrom(
      'impersonate-user',
      'Impersonate-Group',
      'impersonate_user',
      'content-length',
      'host',
    ),
    fc.constantFrom(
      'connection',
      'transfer-encoding',
      'upgrade',
      ':path',
      ':method',
      ':protocol',
      'te',
    ),
    fc.string({ maxLength: 10 }),
  )
  const value = fc.oneof(
    fc.constantFrom('root', '2', PODS, 'chunked'),
    fc.string({ maxLength: 20 }),
  )
  const block = fc
    .tuple(
      fc.constantFrom('GET', 'POST', 'HEAD', 'CONNECT', 'FOO', ''),
      fc.constantFrom(PODS, `${PODS}?watch=1`, '/version', '', '*', '//'),
      fc.array(fc.tuple(name, value), { maxLength: 4 }),
    )
    .map(([verb, path, more]) =>
      Buffer.concat([
        literal(':method', verb),
        literal(':scheme', 'https'),
        literal(':authority', 'k'),
        literal(':path', path),
        ...more.map((pair) => literal(...pair)),
      ]),
    )
  const stream = fc.constantFrom(0, 1, 1, 1, 3, 5, 2, 0x7fffffff)
  const headers = fc
    .tuple(stream, fc.constantFrom(0x4, 0x5, 0x5, 0x5, 0x0, 0x1), block)
    .map(([id, flags, payload]) => frame(1, flags, id, payload))
  const settings = fc.constant(frame(4, 0, 0, Buffer.alloc(0)))
  const other = fc
    .tuple(fc.nat(12), fc.nat(255), stream, fc.uint8Array({ maxLength: 40 }))
    .map(([type, flags, id, payload]) => frame(type, flags, id, payload))
  const data = fc
    .tuple(stream, fc.constantFrom(0, 1), fc.uint8Array({ maxLength: 40 }))
    .map(([id, flags, payload]) => frame(0, flags, id, payload))
  const reset = stream.map((id) => frame(3, 0, id, Buffer.from([0, 0, 0, 8])))
  const good = ['GET', 'POST'].map((verb) =>
    frame(
      1,
      0x5,
      1,
      Buffer.concat([
        literal(':method', verb),
        literal(':scheme', 'https'),
        literal(':authority', 'k'),
        literal(':path', PODS),
      ]),
    ),
  )
  const kinds = [headers, headers, data, reset, other, settings, fc.constantFrom(...good)]
  const frames = fc.array(fc.oneof(...kinds), { maxLength: 8 })

  /** Reads frames; throws for what is none. */
  function readFrames(bytes: Buffer): number[] {
    const types: number[] = []
    for (let at = 0; at + 9 <= bytes.length; ) {
      const end = at + 9 + bytes.readUIntBE(at, 3)
      if (end > bytes.length) break
      types.push(bytes[at + 3] ?? -1)
      at = end
    }
    return types
  }

  test.each([
    ['frames', frames],
    [
      'frames with changed bytes',
      fc.array(mutated(fc.oneof(headers, data, other)), { maxLength: 6 }),
    ],
    [
      'any bytes',
      fc.array(
        fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
        { maxLength: 3 },
      ),
    ],
  ])('%s: every answer parses, only the person goes up, nothing stays', async (_name, pieces) => {
    let answered = 0
    let arrived = 0
    await fc.assert(
      fc.asyncProperty(pieces, async (sent) => {
        const beginning = Buffer.concat([PREFACE, frame(4, 0, 0, Buffer.alloc(0))])
        const types = readFrames(await exchange('h2', [beginning, ...sent]))
        // SETTINGS first (RFC 9113, 3.4), and only types that exist.
        if (types.length > 0) expect(types[0]).toBe(4)
        for (const type of types) expect(type).toBeLessThan(10)
        answered += types.includes(1) ? 1 : 0
        arrived += expectOnlyThePerson()
      }),
      { numRuns: RUNS },
    )
    if (pieces === frames) {
      expect(answered).toBeGreaterThan(0)
      expect(arrived).toBeGreaterThan(0)
    }
    await stage.expectQuiet()
    await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
    expectOnlyThePerson()
  })
})
