import { readFile, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { fileWords, tlsWords } from './plain-words.ts'

describe('what went wrong with a file', () => {
  it('is told without code, call and path', async () => {
    const missing = await readFile('/no/such/file').catch((error: unknown) => error)
    expect(fileWords(missing)).toBe('no such file or directory')
    const directory = await writeFile('/', '').catch((error: unknown) => error)
    expect(fileWords(directory)).toBe('illegal operation on a directory')
  })

  it('keeps a comma of its own', () => {
    expect(fileWords(new Error("EBUSY: resource busy, or locked, rename '/a, b' -> '/c'"))).toBe(
      'resource busy, or locked',
    )
  })

  it('is told without a path that nobody named', () => {
    expect(fileWords(new Error('ENOSPC: no space left on device, write'))).toBe(
      'no space left on device',
    )
  })

  it.each(['not valid YAML', 'ENOENT', ''])('leaves %j as it is', (words) => {
    expect(fileWords(new Error(words))).toBe(words)
  })
})

describe('what went wrong with TLS', () => {
  it.each([
    [
      'write EPROTO 406D0B82A17F0000:error:0A000458:SSL routines:ssl3_read_bytes:tlsv1 unrecognized name:../deps/openssl/openssl/ssl/record/rec_layer_s3.c:918:SSL alert number 112\n',
      'tlsv1 unrecognized name',
    ],
    [
      'unable to verify the first certificate; if the root CA is installed locally, try running Node.js with --use-system-ca',
      'unable to verify the first certificate',
    ],
    ['connect ECONNREFUSED 127.0.0.1:3080', 'connect ECONNREFUSED 127.0.0.1:3080'],
  ])('is %j without file names and advice', (message, words) => {
    expect(tlsWords(new Error(message))).toBe(words)
  })
})
