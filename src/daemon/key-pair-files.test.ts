import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { serverCertificate } from '../../test/support/certificates.ts'
import type { Logger } from '../core/index.ts'
import { silentLogger } from '../core/index.ts'
import { KeyPairFiles } from './key-pair-files.ts'

describe('the files of the web certificate', () => {
  let directory: string
  let pairs: { key: string; certificate: string }[]
  let nowMs: number
  let errors: string[]
  const clock = { now: () => nowMs }
  const log: Logger = {
    ...silentLogger,
    error: (fields) => void errors.push(JSON.stringify(fields)),
  }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'key-pair-'))
    pairs = [await serverCertificate('a.example.com'), await serverCertificate('a.example.com')]
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))
  beforeEach(async () => {
    nowMs = 1_000_000
    errors = []
    await write(0, 0)
  })

  const files = () => ({
    keyFile: join(directory, 'tls.key'),
    certFile: join(directory, 'tls.crt'),
  })
  async function write(key: number, certificate: number): Promise<void> {
    await writeFile(files().keyFile, pairs[key]?.key ?? '')
    await writeFile(files().certFile, pairs[certificate]?.certificate ?? '')
  }
  const open = (): Promise<KeyPairFiles> => KeyPairFiles.open(files(), clock, log)

  it('are read again after a minute, and not before', async () => {
    const web = await open()
    const before = await web.secureContext()
    await write(1, 1)
    expect(await web.secureContext()).toBe(before)
    nowMs += 60_000
    expect(await web.secureContext()).not.toBe(before)
    expect((await web.pair()).certificate).toBe(pairs[1]?.certificate)
    expect(errors).toEqual([])
  })

  it('keep their context while nothing changes', async () => {
    const web = await open()
    const before = await web.secureContext()
    nowMs += 60_000
    expect(await web.secureContext()).toBe(before)
  })

  it.each([
    ['a key of another certificate', () => write(1, 0), 'the key is not that of the certificate'],
    ['half of a file', () => writeFile(files().certFile, '-----BEGIN CERT'), 'error'],
    ['no file', () => rm(files().keyFile), 'ENOENT'],
  ])(
    'leave the pair before in use when there is %s, and its key out of the log',
    async (_, damage, words) => {
      const web = await open()
      await damage()
      nowMs += 60_000
      expect((await web.pair()).certificate).toBe(pairs[0]?.certificate)
      expect(errors).toHaveLength(1)
      expect(errors[0]).toContain(words)
      expect(errors[0]).not.toContain('PRIVATE')
      await write(1, 1)
      nowMs += 60_000
      expect((await web.pair()).certificate).toBe(pairs[1]?.certificate)
    },
  )

  it('must be there at start', async () => {
    await rm(files().certFile)
    await expect(open()).rejects.toThrow('ENOENT')
  })
})
