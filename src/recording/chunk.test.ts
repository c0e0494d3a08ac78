import { randomBytes } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openChunk, packChunk, readChunkHead } from './chunk.ts'
import { RecordError } from './errors.ts'
import { MAX_CHUNK_BYTES } from './limits.ts'

const before = randomBytes(32)
const expected = { index: 3, before }
const LENGTH_AT = 9

describe('a chunk of a record', () => {
  it('gives back what was packed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (array) => {
        const bytes = Buffer.from(array)
        expect(openChunk(packChunk(3, before, bytes), expected)).toEqual(bytes)
      }),
    )
  })

  it('says what it is before it is unpacked', () => {
    const file = packChunk(7, before, Buffer.from('text'))
    expect(readChunkHead(file)).toMatchObject({ index: 7, length: 4, before })
  })

  it.each([
    ['another number', { index: 4, before }],
    ['another record before it', { index: 3, before: randomBytes(32) }],
  ])('with %s does not follow', (_name, wanted) => {
    const file = packChunk(3, before, Buffer.from('text'))
    expect(() => openChunk(file, wanted)).toThrowError(
      expect.objectContaining({ code: 'RECORD_OUT_OF_ORDER' }),
    )
  })

  it('is an error whatever is changed in its head, and wherever it is cut', () => {
    const file = packChunk(3, before, Buffer.from('text that is packed'))
    for (let at = 0; at < 45; at += 1) {
      const changed = Buffer.from(file)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(() => openChunk(changed, expected)).toThrow(RecordError)
    }
    for (let at = 0; at < file.length; at += 1) {
      expect(() => openChunk(file.subarray(0, at), expected)).toThrow(RecordError)
    }
  })

  it('that unpacks to more than it says takes no more memory than that', () => {
    const file = packChunk(3, before, Buffer.from('text'))
    const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024))
    expect(() => openChunk(Buffer.concat([file.subarray(0, 45), bomb]), expected)).toThrowError(
      expect.objectContaining({ code: 'RECORD_MALFORMED' }),
    )
  })

  it('that says it is too large is not unpacked', () => {
    const file = packChunk(3, before, Buffer.from('text'))
    file.writeUInt32BE(MAX_CHUNK_BYTES + 1, LENGTH_AT)
    expect(() => readChunkHead(file)).toThrowError(/unpacks to/)
  })

  it('is not written with more than it may hold', () => {
    expect(() => packChunk(0, before, Buffer.alloc(MAX_CHUNK_BYTES + 1))).toThrow(TypeError)
  })
})
