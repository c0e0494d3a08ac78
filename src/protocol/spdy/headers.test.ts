import { constants, createDeflate, createInflate, type Zlib } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SPDY_DICTIONARY, SPDY_DICTIONARY_ID } from './dictionary.ts'
import type { HeaderBlock } from './frame.ts'
import { HeaderDecoder, HeaderEncoder, headerOf } from './headers.ts'
import { defaultSpdyLimits } from './limits.ts'

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,30}$/)
const value = fc.string({ maxLength: 150 }).map((text) => text.replaceAll('\u0000', ''))
const blocks: fc.Arbitrary<HeaderBlock> = fc
  .uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 16 })
  .map((pairs) => pairs.map(([key, text]) => [key, text] as const))

/** What zlib makes of bytes that are written to it, up to a sync flush. */
function through(stream: Zlib & NodeJS.ReadWriteStream, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const onData = (chunk: Buffer): void => void chunks.push(chunk)
    stream.on('data', onData)
    stream.once('error', reject)
    stream.write(bytes)
    stream.flush(constants.Z_SYNC_FLUSH, () => {
      stream.off('data', onData)
      stream.off('error', reject)
      resolve(Buffer.concat(chunks))
    })
  })
}

function plain(headers: HeaderBlock): Buffer {
  const number = (count: number): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(count)
    return bytes
  }
  const text = (words: string): Buffer => {
    const bytes = Buffer.from(words, 'utf8')
    return Buffer.concat([number(bytes.length), bytes])
  }
  return Buffer.concat([
    number(headers.length),
    ...headers.flatMap(([key, words]) => [text(key), text(words)]),
  ])
}

const decoder = (): HeaderDecoder => new HeaderDecoder(defaultSpdyLimits)

describe('SPDY headers', () => {
  it('have the dictionary of the draft', () => {
    let a = 1
    let b = 0
    for (const byte of SPDY_DICTIONARY) {
      a = (a + byte) % 65_521
      b = (b + a) % 65_521
    }
    expect(SPDY_DICTIONARY).toHaveLength(1423)
    expect(b * 65_536 + a).toBe(SPDY_DICTIONARY_ID)
  })

  it('are read as they were written, block after block', () => {
    fc.assert(
      fc.property(fc.array(blocks, { maxLength: 8 }), (all) => {
        const encoder = new HeaderEncoder()
        const reader = decoder()
        for (const headers of all) {
          reader.streamOpened()
          expect(reader.decode(encoder.encode(headers))).toEqual(headers)
        }
      }),
    )
  })

  it('that we write are unpacked by zlib', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(blocks, { minLength: 1, maxLength: 6 }), async (all) => {
        const inflate = createInflate({ dictionary: SPDY_DICTIONARY })
        const encoder = new HeaderEncoder()
        for (const headers of all) {
          expect(await through(inflate, encoder.encode(headers))).toEqual(plain(headers))
        }
        inflate.close()
      }),
      { numRuns: 50 },
    )
  })

  it.each([
    ['best', { level: 9 }],
    ['fast', { level: 1 }],
    ['not at all', { level: 0 }],
    ['by fixed codes', { strategy: constants.Z_FIXED }],
    ['by Huffman codes alone', { strategy: constants.Z_HUFFMAN_ONLY }],
  ])('that zlib packs %s are read', async (_how, options) => {
    await fc.assert(
      fc.asyncProperty(fc.array(blocks, { minLength: 1, maxLength: 6 }), async (all) => {
        const deflate = createDeflate({ dictionary: SPDY_DICTIONARY, ...options })
        const reader = decoder()
        for (const headers of all) {
          reader.streamOpened()
          expect(reader.decode(await through(deflate, plain(headers)))).toEqual(headers)
        }
        deflate.close()
      }),
      { numRuns: 25 },
    )
  })

  it('with several values keep the first', () => {
    const several: HeaderBlock = [['accept', 'a\u0000b\u0000']]
    const headers = decoder().decode(new HeaderEncoder().encode(several))
    expect(headers).toEqual([['accept', 'a']])
    expect(headerOf(headers, 'accept')).toBe('a')
    expect(headerOf(headers, 'host')).toBeNull()
  })

  it('that are longer than what distances reach are read on', async () => {
    const deflate = createDeflate({ dictionary: SPDY_DICTIONARY })
    const reader = decoder()
    for (let index = 0; index < 400; index += 1) {
      // Each begins with the words of the one before, so that it is packed as a distance.
      const headers: HeaderBlock = [['requestid', `${index - 1} ${index} ${'words '.repeat(40)}`]]
      reader.streamOpened()
      expect(reader.decode(await through(deflate, plain(headers)))).toEqual(headers)
    }
    deflate.close()
  })

  it('of a connection are read as far as its streams can need them', async () => {
    const { maxConnectionHeaderBytes, maxHeaderBytes, streamHeaderBytes } = defaultSpdyLimits
    const deflate = createDeflate({ dictionary: SPDY_DICTIONARY, level: 9 })
    const bombs: Buffer[] = []
    for (let count = 0; count < 20; count += 1) {
      bombs.push(await through(deflate, plain([['x', '\u0000'.repeat(maxHeaderBytes - 20)]])))
    }
    deflate.close()
    expect(bombs[1]?.length).toBeLessThan(60)
    const reader = decoder()
    const read = (bomb: Buffer): void => void reader.decode(bomb)
    expect(() => bombs.forEach(read)).toThrow(
      expect.objectContaining({ code: 'SPDY_HEADERS_TOO_LARGE' }),
    )
    const paid = decoder()
    for (const bomb of bombs) {
      for (let count = 0; count * streamHeaderBytes < maxHeaderBytes; count += 1) {
        paid.streamOpened()
      }
      paid.decode(bomb)
    }
    // However many streams were opened, not everything is read after them.
    const most = maxConnectionHeaderBytes + defaultSpdyLimits.maxStreams * streamHeaderBytes
    const rich = decoder()
    for (let count = 0; count < 100_000; count += 1) rich.streamOpened()
    const encoder = new HeaderEncoder()
    const block: HeaderBlock = [['x', 'x'.repeat(1000)]]
    let blocks = 0
    expect(() => {
      for (; blocks < 10_000; blocks += 1) rich.decode(encoder.encode(block))
    }).toThrow(expect.objectContaining({ code: 'SPDY_HEADERS_TOO_LARGE' }))
    expect(blocks * 2000).toBeLessThan(most)
  })

  it('that unpack to more than the limit are refused before they are unpacked', async () => {
    const deflate = createDeflate({ dictionary: SPDY_DICTIONARY, level: 9 })
    const bomb = await through(deflate, plain([['x', 'a'.repeat(10_000_000)]]))
    deflate.close()
    expect(bomb.length).toBeLessThan(20_000)
    expect(() => decoder().decode(bomb)).toThrow(
      expect.objectContaining({ code: 'SPDY_HEADERS_TOO_LARGE' }),
    )
  })

  it('of more than the limit in number are refused', () => {
    const many = Array.from({ length: 17 }, (_header, index) => [`h${index}`, ''] as const)
    expect(() => decoder().decode(new HeaderEncoder().encode(many))).toThrow(
      expect.objectContaining({ code: 'SPDY_HEADERS_TOO_LARGE' }),
    )
  })

  it.each([
    ['nothing', ''],
    ['no zlib', '000000000000'],
    ['no dictionary', '789c00000000'],
    ['another dictionary', '782000000001'],
    ['a last block', '7820e3c6a7c2010400fbff00000000'],
    ['a block of the fourth kind', '7820e3c6a7c206'],
    ['more blocks than packers make', '__blocks__'],
    ['a stored block with a wrong length', '7820e3c6a7c200040000000000000000'],
    ['a stored block that is cut short', '7820e3c6a7c2000400fbff0000'],
    ['a name of its own twice', '__twice__'],
    ['an empty name', '__empty__'],
    ['bytes behind', '__behind__'],
    ['a length over the end', '__over__'],
  ])('%s: refused', (_what, hex) => {
    const made: Readonly<Record<string, Buffer>> = {
      __twice__: new HeaderEncoder().encode([
        ['a', '1'],
        ['a', '2'],
      ]),
      __empty__: new HeaderEncoder().encode([['', '1']]),
      __behind__: stored(Buffer.concat([plain([]), Buffer.from([0])])),
      __blocks__: Buffer.concat([
        stored(plain([])),
        ...Array.from({ length: 4 }, () => Buffer.from('000000ffff', 'hex')),
      ]),
      __over__: stored(Buffer.from('0000000100000005ffff', 'hex')),
    }
    expect(() => decoder().decode(made[hex] ?? Buffer.from(hex, 'hex'))).toThrow(
      expect.objectContaining({ code: 'SPDY_HEADERS_MALFORMED' }),
    )
  })

  it('of any bytes are refused with a code, or read', () => {
    const head = Buffer.from('7820e3c6a7c2', 'hex')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decoder().decode(Buffer.concat([head, bytes]))
        } catch (error) {
          expect(error).toMatchObject({ name: 'SpdyError' })
        }
      }),
      { numRuns: 2000 },
    )
  })
})

function stored(bytes: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt16LE(bytes.length, 1)
  head.writeUInt16LE(~bytes.length & 0xffff, 3)
  return Buffer.concat([Buffer.from('7820e3c6a7c2', 'hex'), head, bytes])
}
