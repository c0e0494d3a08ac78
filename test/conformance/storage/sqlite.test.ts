import { execFile } from 'node:child_process'
import { mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { lockDirectory, openSqlite, type RowStatement } from '../../../src/storage/index.ts'
import { describeBackend } from './describe-backend.ts'

describeBackend('sqlite', async (clock) => {
  const database = await openSqlite({ path: ':memory:', clock, log: silentLogger })
  return database.backend
})

describe('a SQLite database', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'storage-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))
  const open = (path: string): ReturnType<typeof openSqlite> =>
    openSqlite({ path, clock: systemClock, log: silentLogger })

  it('keeps what was written, revisions included, in a private file', async () => {
    const path = join(directory, 'sub', 'state.db')
    const first = await open(path)
    const revision = await first.backend.put({ key: 'a/b', value: '1' })
    await first[Symbol.asyncDispose]()
    const second = await open(path)
    expect((await second.backend.get('a/b'))?.revision).toBe(revision)
    expect(await second.backend.put({ key: 'a/c', value: '1' })).toBeGreaterThan(revision)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(directory, 'sub'))).mode & 0o777).toBe(0o700)
    await second[Symbol.asyncDispose]()
  })

  it('says that a damaged file is damaged, and names it', async () => {
    const path = join(directory, 'state.db')
    await writeFile(path, 'this is no database, but it is long enough to be looked at'.repeat(100))
    await expect(open(path)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    await expect(open(path)).rejects.toThrow(path)
    await truncate(path, 10)
    await expect(open(path)).rejects.toThrow(/damaged/)
  })

  it('refuses a database of a newer version', async () => {
    const path = join(directory, 'state.db')
    const first = await open(path)
    await first.migrate('test', ['CREATE TABLE a (x INTEGER)', 'CREATE TABLE b (x INTEGER)'])
    await expect(first.migrate('test', ['CREATE TABLE a (x INTEGER)'])).rejects.toMatchObject({
      code: 'STORAGE_NEWER',
    })
    await first[Symbol.asyncDispose]()
  })

  it('rolls back a transaction whole', async () => {
    const database = await open(join(directory, 'state.db'))
    await database.migrate('test', ['CREATE TABLE a (x INTEGER UNIQUE)'])
    const insert = { sql: 'INSERT INTO a VALUES (?)', params: [1] }
    await expect(database.transaction([insert, insert])).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    })
    expect(await database.query('SELECT * FROM a', [])).toEqual([])
    await database[Symbol.asyncDispose]()
  })

  it('writes many rows with one statement, each with its own text, or none of them', async () => {
    const database = await open(join(directory, 'state.db'))
    await database.migrate('test', ['CREATE TABLE a (x INTEGER UNIQUE, y TEXT, z TEXT) STRICT'])
    const sql = 'INSERT INTO a VALUES (?, ?, ?)'
    const row = (x: number, text: string): RowStatement['rows'][number] => ({
      params: [x, `y${x}`],
      text: Buffer.from(text),
    })
    await database.transactionOfRows({ sql, rows: [] })
    await database.transactionOfRows({ sql, rows: [row(1, 'é 😀'), row(2, ''), row(3, 'c')] })
    const written = [
      { x: 1, y: 'y1', z: 'é 😀' },
      { x: 2, y: 'y2', z: '' },
      { x: 3, y: 'y3', z: 'c' },
    ]
    expect(await database.query('SELECT * FROM a ORDER BY x', [])).toEqual(written)
    await expect(
      database.transactionOfRows({ sql, rows: [row(4, 'd'), row(1, 'again')] }),
    ).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    expect(await database.query('SELECT * FROM a ORDER BY x', [])).toEqual(written)
    await database[Symbol.asyncDispose]()
  })
})

describe('lockDirectory', () => {
  it('refuses a second process and names the first, until that one is killed', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'lock-'))
    const module = new URL('../../../src/storage/index.ts', import.meta.url).href
    const holder = execFile(process.execPath, [
      '--input-type=module',
      '-e',
      `const { lockDirectory } = await import(${JSON.stringify(module)}); await lockDirectory(${JSON.stringify(directory)}); console.log('held'); setInterval(() => {}, 1000)`,
    ])
    await new Promise<void>((resolve, reject) => {
      holder.stdout?.once('data', () => resolve())
      holder.once('exit', () => reject(new Error('the holder ended')))
    })
    await expect(lockDirectory(directory)).rejects.toThrow(`pid ${holder.pid}`)
    const ended = new Promise((resolve) => holder.once('exit', resolve))
    holder.kill('SIGKILL')
    await ended
    const lock = await lockDirectory(directory)
    await lock[Symbol.asyncDispose]()
    await rm(directory, { recursive: true })
  })
})
