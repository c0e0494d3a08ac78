import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { NO_CHUNKS, nextChain } from '../../../src/recording/index.ts'
import { openDirectoryStore } from '../../../src/recordings/index.ts'
import { TestDaemon } from '../../support/daemon.ts'
import { chunksOf, freshFacts, keepRecording, output, session } from '../../support/recordings.ts'
import { Person, type Ran } from '../../support/tsh.ts'

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

/** What somebody did to recordings who may write where they are kept. */
describe('recordings that somebody changed where they are kept', () => {
  let directory: string
  let teleport: TestDaemon
  let people: Person
  const ids = { exchanged: '', shortened: '' }

  /** Keeps a recording; resolves to where. */
  async function kept(what: keyof typeof ids, words: string): Promise<string> {
    const path = join(directory, 'store')
    const store = await openDirectoryStore({ path, clock: systemClock, log: silentLogger })
    const facts = freshFacts()
    await keepRecording(store, sessionOf(facts, words))
    ids[what] = facts.sessionId
    return join(path, new Date(facts.startedMs).toISOString().slice(0, 10), facts.sessionId)
  }
  const sessionOf = (facts: ReturnType<typeof freshFacts>, words: string) =>
    session(facts, [output(10, 'begun\n'), output(20, words), output(30, 'over\n')])
  const chunkFiles = async (path: string): Promise<string[]> =>
    (await readdir(path)).filter((name) => name.endsWith('.chunk')).sort()

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tampered-'))

    const exchanged = await kept('exchanged', 'rm -rf /\n')
    for (const name of await chunkFiles(exchanged)) await rm(join(exchanged, name))
    const { facts } = JSON.parse(await readFile(join(exchanged, 'recording.json'), 'utf8')) as {
      facts: ReturnType<typeof freshFacts>
    }
    for (const [index, chunk] of chunksOf(sessionOf(facts, 'harmless\n')).entries()) {
      const name = `00000${index}-${chunk.length}-${sha256(chunk).toString('hex')}.chunk`
      await writeFile(join(exchanged, name), chunk)
    }

    const shortened = await kept('shortened', 'rm -rf /\n')
    const [first = '', second = '', ...more] = await chunkFiles(shortened)
    expect(more).toEqual([])
    await rm(join(shortened, second))
    const head = join(shortened, 'recording.json')
    const told = JSON.parse(await readFile(head, 'utf8')) as { end: object }
    const chain = nextChain(NO_CHUNKS, sha256(await readFile(join(shortened, first))))
    const end = { ...told.end, chunks: 1, sha256: chain.toString('hex') }
    await writeFile(head, JSON.stringify({ ...told, end }))

    teleport = await TestDaemon.start({
      kubeconfig: '',
      config: {
        teleport: { storage: { audit_sessions_uri: `file://${join(directory, 'store')}` } },
        kubernetes_service: { enabled: false, kubeconfig_file: undefined },
      },
    })
    await teleport.tctl('users', 'add', 'rita', '--roles=auditor')
    const out = join(directory, 'rita.pem')
    await teleport.tctl('auth', 'sign', '--user=rita', '--format=file', `--out=${out}`)
    people = await Person.arrive()
  })
  afterAll(async () => {
    await people?.[Symbol.asyncDispose]()
    await teleport?.[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const rita = (...argv: readonly string[]): Promise<Ran> =>
    people.tsh(
      `--proxy=127.0.0.1:${teleport.ports.web}`,
      '-i',
      join(directory, 'rita.pem'),
      ...argv,
    )

  it.each([
    ['exchanged', 'not those that were recorded'],
    ['shortened', 'its end is missing'],
  ] as const)(
    '%s: tsh shows what is there, says so, and ends with an error',
    async (what, words) => {
      const id = ids[what]
      for (const argv of [
        ['play', '--format=text', id],
        ['recordings', 'export', '--format=cast', id],
        ['recordings', 'export', '--format=raw', id],
      ]) {
        const { code, out, err } = await rita(...argv)
        expect({ argv, code }).toEqual({ argv, code: 1 })
        expect(out).toContain('begun')
        expect(err).toContain(words)
      }
    },
  )

  it('which no service brought: tctl finds none of them in the audit log', async () => {
    for (const id of Object.values(ids)) {
      const { code, stderr } = await teleport.tryTctl(['recordings', 'verify', id])
      expect(code).toBe(1)
      expect(stderr).toContain(`tctl: the audit log does not tell of recording ${id}`)
    }
  })
})
