import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import type { RecordFrame } from '../../../src/recording/index.ts'
import { openDirectoryStore } from '../../../src/recordings/index.ts'
import { TestDaemon } from '../../support/daemon.ts'
import { FakeTty } from '../../support/fake-tty.ts'
import { freshFacts, keepRecording, output, session } from '../../support/recordings.ts'
import { Person, type Ran } from '../../support/tsh.ts'

const HOUR_MS = 60 * 60_000
const FRAMES: readonly RecordFrame[] = [
  { kind: 'resize', atMs: 0, width: 90, height: 20 },
  output(100, '\u001b[32m$\u001b[0m '),
  output(900, 'id\r\nuid=0(root)\r\n'),
  { kind: 'marker', atMs: 1200, label: 'bob joined' },
  output(1500, 'exit\r\n'),
]

describe('tsh recordings', () => {
  let directory: string
  let teleport: TestDaemon
  let people: Person
  let ids: Record<'first' | 'second' | 'old' | 'cut' | 'locked', string>
  let identityFile: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'recordings-'))
    const store = await openDirectoryStore({
      path: join(directory, 'store'),
      clock: systemClock,
      log: silentLogger,
    })
    const nowMs = Date.now()
    const identity = await generateIdentity()
    identityFile = join(directory, 'key.txt')
    await writeFile(identityFile, `# made for a test\n${identity}\n`, { mode: 0o600 })
    const recipients = [await identityToRecipient(identity)]
    const kept = async (
      but: Parameters<typeof freshFacts>[0],
      options: Parameters<typeof keepRecording>[2] = {},
    ): Promise<string> =>
      (await keepRecording(store, session(freshFacts(but), FRAMES), options)).sessionId
    ids = {
      old: await kept({ startedMs: nowMs - 50 * HOUR_MS }),
      first: await kept({ startedMs: nowMs - 3 * HOUR_MS }),
      second: await kept({
        startedMs: nowMs - HOUR_MS,
        user: 'bob',
        kubeCluster: 'east',
        pod: 'db-0',
      }),
      cut: await kept({ startedMs: nowMs - HOUR_MS / 2 }, { end: 'cut' }),
      locked: await kept({ startedMs: nowMs - HOUR_MS / 3 }, { recipients }),
    }
    teleport = await TestDaemon.start({
      kubeconfig: '',
      config: {
        teleport: { storage: { audit_sessions_uri: `file://${join(directory, 'store')}` } },
        kubernetes_service: { enabled: false, kubeconfig_file: undefined },
      },
    })
    const role = join(directory, 'role.yaml')
    await writeFile(
      role,
      'kind: role\nversion: v7\nmetadata: {name: reviewer}\nspec: {allow: {rules: [{resources: [session], verbs: [list, read]}]}}\n',
    )
    await teleport.tctl('create', '-f', role)
    await teleport.tctl('users', 'add', 'rita', '--roles=reviewer')
    await teleport.tctl('users', 'add', 'eve', '--roles=access')
    for (const user of ['rita', 'eve']) {
      const out = join(directory, `${user}.pem`)
      await teleport.tctl('auth', 'sign', `--user=${user}`, '--format=file', `--out=${out}`)
    }
    people = await Person.arrive()
  })
  afterAll(async () => {
    await people?.[Symbol.asyncDispose]()
    await teleport?.[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const as = (user: string, ...argv: readonly string[]): Promise<Ran> =>
    people.tsh(
      `--proxy=127.0.0.1:${teleport.ports.web}`,
      '-i',
      join(directory, `${user}.pem`),
      ...argv,
    )
  const rita = (...argv: readonly string[]): Promise<Ran> => as('rita', ...argv)
  const listed = async (...flags: readonly string[]): Promise<string[]> => {
    const { out } = await rita('recordings', 'ls', '--format=json', ...flags)
    return (JSON.parse(out) as { session_id: string }[]).map(({ session_id: id }) => id)
  }

  it('ls shows those of the last day, newest first', async () => {
    const { code, out } = await rita('recordings', 'ls')
    expect(code).toBe(0)
    const [head, , ...rows] = out.trimEnd().split('\n')
    expect(head).toMatch(/^ID +Type +Participants +Hostname +Timestamp +Duration +State$/)
    expect(rows.map((row) => row.split(/ {2,}/).filter((_, at) => at !== 4))).toEqual([
      [ids.locked, 'k8s exec', 'alice', 'west/team/web-0', '1.5s', 'complete, encrypted'],
      [ids.cut, 'k8s exec', 'alice', 'west/team/web-0', '1.5s', 'cut'],
      [ids.second, 'k8s exec', 'bob', 'east/team/db-0', '1.5s', 'complete'],
      [ids.first, 'k8s exec', 'alice', 'west/team/web-0', '1.5s', 'complete'],
    ])
  })

  it('ls finds by time, person and place', async () => {
    expect(await listed('--last=100h')).toContain(ids.old)
    expect(await listed('--last=2h')).toEqual([ids.locked, ids.cut, ids.second])
    expect(await listed('--kube-cluster=east')).toEqual([ids.second])
    expect(await listed('--cluster=east')).toEqual([ids.second])
    expect(await listed('--session-user=bob')).toEqual([ids.second])
    expect(await listed('--pod=db-0', '--namespace=team')).toEqual([ids.second])
    expect(await listed('--pod=nowhere')).toEqual([])
    const before = new Date(Date.now() - 40 * HOUR_MS).toISOString()
    expect(await listed(`--to-utc=${before}`)).toEqual([ids.old])
    expect(await listed('--from-utc=2001-01-01', `--to-utc=${before}`)).toEqual([ids.old])
    expect(await listed('--limit=1')).toEqual([ids.locked])
  })

  it('ls says when there is more, or nothing', async () => {
    expect((await rita('recordings', 'ls', '--limit=2')).err).toContain('--limit shows more than 2')
    expect((await as('eve', 'recordings', 'ls')).err).toContain('there is none that you may see')
  })

  it.each([
    [['--last=5h', '--from-utc=2026-01-01'], /leave --from-utc/],
    [['--from-utc=yesterday'], /no time like/],
    [['--from-utc=2026-02-01', '--to-utc=2026-01-01'], /not after/],
    [['--limit=0'], /not a number above 0/],
    [['--format=xml'], /not one of/],
  ])('ls refuses %j', async (flags, words) => {
    const { code, err } = await rita('recordings', 'ls', ...flags)
    expect(code).toBe(2)
    expect(err).toMatch(words)
  })

  it('export gives an asciicast, text, JSON, and the record itself, which plays again', async () => {
    const cast = join(directory, 'session.cast')
    expect(await rita('recordings', 'export', ids.first, `--out=${cast}`)).toMatchObject({
      code: 0,
      out: '',
      err: '',
    })
    expect((await stat(cast)).mode & 0o777).toBe(0o600)
    const [head, ...events] = (await readFile(cast, 'utf8')).trimEnd().split('\n')
    expect(JSON.parse(head ?? '')).toMatchObject({ version: 2, width: 90, height: 20 })
    expect(events.map((line) => JSON.parse(line) as unknown)).toContainEqual([
      1.2,
      'm',
      'bob joined',
    ])

    const text = '$ id\nuid=0(root)\n[bob joined]\nexit\n'
    const exported = (format: string): Promise<Ran> =>
      rita('recordings', 'export', ids.first, `--format=${format}`)
    expect((await exported('text')).out).toBe(text)
    expect((await exported('json')).out.trimEnd().split('\n')).toHaveLength(FRAMES.length + 2)

    const raw = join(directory, 'session.rec')
    expect(
      (await rita('recordings', 'export', ids.first, '--format=raw', `--out=${raw}`)).code,
    ).toBe(0)
    expect((await people.tsh('play', '--format=text', raw)).out).toBe(text)
    expect((await people.tsh('play', '--format=text', cast)).out).toBe(`${text}[ended with 0]\n`)
    expect((await rita('play', '--format=text', ids.first)).out).toBe(text)
  })

  it('export replaces a file only when it is told to', async () => {
    const path = join(directory, 'taken.cast')
    await writeFile(path, 'mine')
    const refused = await rita('recordings', 'export', ids.first, `--out=${path}`)
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringContaining('--overwrite') as string,
    })
    expect(await readFile(path, 'utf8')).toBe('mine')
    expect(
      (await rita('recordings', 'export', ids.first, `--out=${path}`, '--overwrite')).code,
    ).toBe(0)
    expect(await readFile(path, 'utf8')).toContain('"version":2')
  })

  it('says that a recording is cut off, and gives what there is', async () => {
    const { code, out, err } = await rita('play', '--format=text', ids.cut)
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringContaining('uid=0(root)') as string,
    })
    expect(err).toContain('ends before its session did')
  })

  it('opens an encrypted one with the key alone', async () => {
    const locked = await rita('play', '--format=text', ids.locked)
    expect(locked).toMatchObject({ code: 1, out: '' })
    expect(locked.err).toContain('--age-identity')
    const wrong = join(directory, 'wrong.txt')
    await writeFile(wrong, `${await generateIdentity()}\n`)
    expect(
      await rita('play', '--format=text', `--age-identity=${wrong}`, ids.locked),
    ).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('do not open it') as string,
    })
    const { out } = await rita(
      'play',
      '--format=text',
      `--age-identity=${identityFile}`,
      ids.locked,
    )
    expect(out).toContain('uid=0(root)')
  })

  it('plays, forward and back, and is told once in the audit log', async () => {
    const tty = new FakeTty()
    const proxy = `--proxy=127.0.0.1:${teleport.ports.web}`
    const argv = [proxy, '-i', join(directory, 'rita.pem'), 'play', ids.old]
    const ended = people.tshAt(tty, ...argv)
    await expect.poll(() => tty.written).toContain('alice in west: team/web-0')
    tty.typed.write('G')
    await expect.poll(() => tty.written).toContain('ended with 0')
    const before = tty.written.length
    tty.typed.write('g')
    await expect.poll(() => tty.written.slice(before)).toContain('00:00 / 00:01')
    await expect.poll(() => tty.written.slice(before)).toContain('ended with 0')
    tty.typed.write('q')
    expect(await ended).toBe(0)
    const looks = await teleport.events('--user=rita', '--event=session.recording.access')
    expect(looks.filter(({ sid }) => sid === ids.old)).toHaveLength(1)
  })

  it('tells no more of those that one may not see than of none', async () => {
    const nowhere = '00000000-0000-4000-8000-000000000000'
    for (const id of [ids.first, nowhere]) {
      const { code, err } = await as('eve', 'play', '--format=text', id)
      expect(code).toBe(1)
      expect(err).toBe(
        `tsh: there is no recording ${id}, or none that you may see\ntsh: those that you may see: tsh recordings ls --last=720h\n`,
      )
    }
  })

  it('open prints a link that works once', async () => {
    const { code, out, err } = await rita('recordings', 'open', ids.first)
    expect(code).toBe(0)
    expect(out).toMatch(new RegExp(`^https://[^ ]+/web/recordings/${ids.first}#[0-9a-f]{32}\n$`))
    expect(err).toMatch(/^tsh: it opens once, in one browser, and ends in \d+m\n$/)
  })

  it('leaves a line in the audit log for each look', async () => {
    await rita('play', '--format=text', ids.second)
    const looks = await teleport.events('--user=rita', '--event=session.recording.access')
    expect(looks).toContainEqual(
      expect.objectContaining({ sid: ids.second, session_user: 'bob', code: 'T2012I' }),
    )
  })
})
