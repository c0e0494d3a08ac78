import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { chown, lstat, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { openDemoCluster } from '../../../src/demo/index.ts'
import { type DaemonOptions, TestDaemon } from '../../support/daemon.ts'

const SECRET = 'secret.key'
/** A normal user: nobody, or whoever runs the tests. */
const own = process.getuid?.() ?? 0
const NORMAL = own === 0 ? 65_534 : own
/** What is between the root of the file system and this program lets others pass. */
const isOpenToOthers = ((): boolean => {
  for (let path = import.meta.dirname; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o005) !== 0o005) return false
    if (dirname(path) === path) return true
  }
})()
const CLOSED =
  own === 0 && !isOpenToOthers ? ' (optional: this checkout is closed to other users)' : ''
const PRIVATE = { file: 0o600, directory: 0o700 }

describe('the data directory', () => {
  let stack: AsyncDisposableStack
  let directory: string
  let kubeconfig: string
  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    directory = await mkdtemp(join(tmpdir(), 'teleport-data-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    const demo = stack.use(await openDemoCluster({ clock: systemClock, log: silentLogger }))
    kubeconfig = join(directory, 'kubeconfig')
    await writeFile(kubeconfig, demo.kubeconfig(), { mode: 0o600 })
  })
  afterEach(() => stack[Symbol.asyncDispose]())

  const start = async (options: Partial<DaemonOptions> = {}): Promise<TestDaemon> =>
    stack.use(await TestDaemon.start({ kubeconfig, directory, ...options }))

  /** What is below the data directory and open to more than its owner, and who owns what. */
  async function look(): Promise<{ open: string[]; owners: Set<number>; names: string[] }> {
    const data = join(directory, 'data')
    const names = await readdir(data, { recursive: true })
    const owners = new Set<number>()
    const open: string[] = []
    for (const name of ['', ...names]) {
      const stats = await lstat(join(data, name))
      owners.add(stats.uid)
      const allowed = stats.isDirectory() ? PRIVATE.directory : PRIVATE.file
      if ((stats.mode & 0o777 & ~allowed) !== 0) open.push(`${name} ${stats.mode.toString(8)}`)
    }
    return { open, owners, names }
  }

  it('is open to its owner alone, file by file', async () => {
    const daemon = await start()
    await daemon.tctl('users', 'add', 'joe', '--k8s-groups=devs')
    await daemon.sign('joe', '--ttl=1h')
    await daemon.tctl('tokens', 'add', '--type=kube')
    const { open, names } = await look()
    expect(open).toEqual([])
    expect(names).toEqual(expect.arrayContaining([SECRET, 'admin-identity.json']))
    expect(names.length).toBeGreaterThan(6)
  })

  it.skipIf(CLOSED !== '')(`is that of a normal user who runs it${CLOSED}`, async () => {
    if (own === 0) await chown(kubeconfig, NORMAL, NORMAL)
    const daemon = await start({ ...(own === 0 ? { uid: NORMAL } : {}), env: { HOME: directory } })
    await daemon.tctl('users', 'add', 'joe', '--k8s-groups=devs')
    expect(await daemon.tctl('kube', 'ls')).toContain('demo')
    const { open, owners } = await look()
    expect(open).toEqual([])
    expect([...owners]).toEqual([NORMAL])
    const status = await readFile(`/proc/${daemon.process.pid}/status`, 'utf8')
    expect(/^Uid:\s+(\d+)/m.exec(status)?.[1]).toBe(String(NORMAL))
  })

  it.each(['TELEPORT_SECRET_KEY', 'TELEPORT_SECRET_KEY_FILE'] as const)(
    'has no key in it where %s has it, and opens with no other',
    async (variable) => {
      const key = randomBytes(32).toString('base64')
      const file = join(directory, 'key-elsewhere')
      await writeFile(file, `${key}\n`, { mode: 0o600 })
      const env = { [variable]: variable === 'TELEPORT_SECRET_KEY' ? key : file }
      const first = await start({ env })
      await first.tctl('users', 'add', 'joe', '--k8s-groups=devs')
      expect((await look()).names).not.toContain(SECRET)
      expect(first.process.stderr).not.toContain(key)
      const pin = /sha256:[0-9a-f]+/.exec(await first.tctl('status'))?.[0]
      expect(pin).toBeDefined()
      await first.stop()

      await expect(
        start({ env: { TELEPORT_SECRET_KEY: randomBytes(32).toString('base64') } }),
      ).rejects.toThrow(/secret key|another key|cannot be decrypted|decrypt/i)
      await expect(start({ env: { TELEPORT_SECRET_KEY: 'c2hvcnQ=' } })).rejects.toThrow(
        /does not hold 32 bytes in base64/,
      )
      const again = await start({ env })
      expect(await again.tctl('status')).toContain(pin)
      expect(await again.tctl('users', 'ls')).toContain('joe')
    },
  )
})
