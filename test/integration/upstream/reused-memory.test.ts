import type { ServerResponse } from 'node:http'
import { beforeAll, describe, expect, test } from 'vitest'
import { ask, follow, open, targetAt } from './support/client.ts'
import { createPki, type KeyedCertificate, type Pki } from './support/pki.ts'
import { startHttps, startTls } from './support/servers.ts'

/** Reads share memory from one to the next: nothing of one answer may ever be seen in another. */

let pki: Pki
let identity: KeyedCertificate

beforeAll(async () => {
  pki = await createPki()
  identity = await pki.server()
})

const trusted = (): { certificateAuthority: { kind: 'data'; pem: string } } => ({
  certificateAuthority: { kind: 'data', pem: pki.ca },
})

/** Every four bytes tell whose they are and where they belong. */
function patternOf(seed: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let index = 0; index < length; index += 1) {
    const word = Math.imul(seed + 1, 2654435761) ^ Math.imul((from + index) >>> 2, 40503)
    bytes[index] = word >>> (((from + index) & 3) * 8)
  }
  return bytes
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const framings = ['length', 'chunked', 'trailers', 'close'] as const

async function answer(
  response: ServerResponse,
  framing: (typeof framings)[number],
  seed: number,
  size: number,
): Promise<void> {
  response.setHeader('x-seed', `${seed}:${'h'.repeat((seed * 37) % 5000)}`)
  if (framing === 'length') response.setHeader('content-length', size)
  if (framing === 'trailers') response.setHeader('trailer', 'x-trailer')
  if (framing === 'close') {
    response.setHeader('connection', 'close')
    response.useChunkedEncodingByDefault = false
  }
  let sent = 0
  for (let round = 0; sent < size; round += 1) {
    const length = Math.min(size - sent, 1 + ((seed * 7919 + round * 104_729) % 70_000))
    const more = response.write(patternOf(seed, sent, length))
    sent += length
    if (!more) await new Promise((resolve) => response.once('drain', resolve))
    else if (round % 3 === 0) await turn()
  }
  if (framing === 'trailers') response.addTrailers({ 'x-trailer': 't'.repeat(3000) })
  response.end()
}

describe('memory that is used again', () => {
  test('never shows one answer in another, in any framing, with readers that stop now and then', async () => {
    await using server = await startHttps(identity, (request, response) => {
      const [, framing, seed, size] = (request.url ?? '').split('/')
      void answer(response, framing as (typeof framings)[number], Number(seed), Number(size))
    })
    await using upstream = open(targetAt(server.port, trusted()))
    let seed = 0
    const one = async (framing: string, size: number): Promise<void> => {
      seed += 1
      const mine = seed
      let seen = 0
      let wrong = 0
      let pieces = 0
      const followed = follow(upstream, { target: `/${framing}/${mine}/${size}` }, (chunk) => {
        if (!chunk.equals(patternOf(mine, seen, chunk.length))) wrong += 1
        seen += chunk.length
        pieces += 1
        if ((pieces * 31 + mine) % 5 !== 0) return true
        setTimeout(() => followed.exchange.resume(), pieces % 4)
        return false
      })
      const { headers } = await followed.ended
      const told = headers[headers.findIndex((name) => name.toLowerCase() === 'x-seed') + 1]
      expect(told).toBe(`${mine}:${'h'.repeat((mine * 37) % 5000)}`)
      expect({ framing, seen, wrong }).toEqual({ framing, seen: size, wrong: 0 })
    }
    // Several follow each other on each connection.
    await Promise.all(
      Array.from({ length: 16 }, async (_, worker) => {
        for (let round = 0; round < 6; round += 1) {
          const size = [0, 1, 900, 16_384, 70_000, 1_500_000][(worker + round) % 6] ?? 0
          await one(framings[(worker * 5 + round) % 4] ?? 'length', size)
        }
      }),
    )
  })

  test('holds a head together that comes in many pieces, whatever comes with its end', async () => {
    const answers = ['first', 'second', 'third'].map((word) =>
      [
        ...[
          'HTTP/1.1 200 OK\r\nx-one: ',
          word,
          '\r\nx-t',
          'wo: ',
          word,
          '\r\ncontent-le',
          'ngth: ',
        ],
        ...[String(word.length), '\r', `\n\r\n${word.slice(0, 2)}`, word.slice(2)],
      ].map((piece) => Buffer.from(piece)),
    )
    await using server = await startTls(identity, (socket) => {
      socket.on('data', () => {
        const pieces = answers.shift() ?? []
        const next = (): void => {
          const piece = pieces.shift()
          if (piece !== undefined) socket.write(piece, () => setTimeout(next, 2))
        }
        next()
      })
    })
    await using upstream = open(targetAt(server.port, trusted()))
    for (const word of ['first', 'second', 'third']) {
      const { headers, text } = await ask(upstream)
      expect(headers).toEqual(['x-one', word, 'x-two', word, 'content-length', String(word.length)])
      expect(text).toBe(word)
    }
  })

  test.each(['close', 'length'] as const)(
    'gives a reader who stopped the rest of an answer whose connection has closed (%s)',
    async (framing) => {
      await using server = await startHttps(identity, (request, response) => {
        response.once('finish', () => request.socket.end())
        void answer(response, framing, 1, 300_000)
      })
      await using upstream = open(targetAt(server.port, trusted()))
      let seen = 0
      const followed = follow(upstream, {}, (chunk) => {
        expect(chunk.equals(patternOf(1, seen, chunk.length))).toBe(true)
        seen += chunk.length
        setTimeout(() => followed.exchange.resume(), 5)
        return false
      })
      await followed.ended
      expect(seen).toBe(300_000)
    },
  )
})
