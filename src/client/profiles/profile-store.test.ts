import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Access, Profile } from './profile.ts'
import { ProfileStore } from './profile-store.ts'

let directory: string
let store: ProfileStore
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'profiles-'))
  store = new ProfileStore(join(directory, '.tsh'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const LAUNCHER = ['/bin/tsh']
const profile = (user: string, more: Partial<Profile> = {}): Profile => ({
  version: 1,
  proxy: 'p:3080',
  user,
  teleport_cluster: 't',
  host_ca: 'CA',
  certificate: 'CERT',
  private_key: 'KEY',
  expires_at_ms: Date.now() + 3_600_000,
  logged_in_at_ms: 1,
  kubeconfigs: [],
  ...more,
})
const access: Access = {
  version: 1,
  as_of_ms: 1,
  server_version: '1',
  roles: ['r'],
  traits: {},
  kube_addr: null,
  kube_clusters: [],
}

describe('ProfileStore', () => {
  it('finds nothing where nothing is', async () => {
    expect(await store.list()).toEqual([])
    expect(await store.find({})).toBeNull()
    expect(await store.known('p:3080')).toBeNull()
    await store.remove(profile('joe'))
  })

  it('gives back what was kept, and makes it current', async () => {
    await store.save(profile('joe'), access, LAUNCHER)
    await store.save(profile('ann', { logged_in_at_ms: 2 }), null, LAUNCHER)
    expect((await store.list()).map((each) => [each.profile.user, each.isCurrent])).toEqual([
      ['ann', true],
      ['joe', false],
    ])
    expect(await store.find({ user: 'joe' })).toMatchObject({ access, isCurrent: false })
    expect((await store.find({}))?.profile.user).toBe('ann')
    await store.select(profile('joe'))
    expect((await store.find({}))?.profile.user).toBe('joe')
    expect(await store.known('p:3080')).toEqual({ clusterName: 't', hostCa: 'CA' })
  })

  it('takes the latest when none is current, and names whatever users are called', async () => {
    await store.save(profile('../../etc'), null, LAUNCHER)
    await store.save(profile('Joe', { logged_in_at_ms: 2 }), null, LAUNCHER)
    await rm(join(store.home, 'current.json'))
    expect((await store.find({}))?.profile.user).toBe('Joe')
    expect(await readdir(directory)).toEqual(['.tsh'])
    expect(await readdir(join(store.home, 'profiles'))).toHaveLength(2)
  })

  it('keeps the authority of a proxy beyond a logout', async () => {
    await store.save(profile('joe'), null, LAUNCHER)
    await store.remove(profile('joe'))
    expect(await store.list()).toEqual([])
    expect(await store.known('p:3080')).not.toBeNull()
  })

  it('remembers kubeconfigs, from one login to the next', async () => {
    await store.save(profile('joe'), null, LAUNCHER)
    await store.addKubeconfigs(profile('joe'), ['/a', '/b'])
    await store.addKubeconfigs(profile('joe'), ['/a'])
    await store.save(profile('joe'), null, LAUNCHER)
    expect((await store.find({}))?.profile.kubeconfigs).toEqual(['/a', '/b'])
  })

  it('keeps a key that is renewed, and every kubeconfig, when all are written at once', async () => {
    await store.save(profile('joe', { private_key: 'OLD' }), null, LAUNCHER)
    const paths = Array.from({ length: 8 }, (_, at) => `/kubeconfig-${at}`)
    const stores = paths.map(() => new ProfileStore(store.home))
    await Promise.all([
      ...stores.map((each, at) => each.addKubeconfigs(profile('joe'), paths.slice(at, at + 1))),
      store.save(profile('joe', { private_key: 'NEW' }), null, LAUNCHER),
    ])
    const found = await store.find({ user: 'joe' })
    expect(found?.profile.private_key).toBe('NEW')
    expect(found?.profile.kubeconfigs.toSorted()).toEqual(paths)
  })

  it('makes a home that was open to others private', async () => {
    await mkdir(store.home, { mode: 0o755 })
    await chmod(store.home, 0o755)
    await store.assertWritable()
    expect((await stat(store.home)).mode & 0o777).toBe(0o700)
    expect(await readdir(store.home)).toEqual([])
  })

  it('writes a program that tells the time by itself where it can', async () => {
    await store.save(profile('joe'), null, LAUNCHER)
    const script = store.scriptOf(profile('joe'))
    const clock = process.platform === 'linux' ? '-nt /proc/self' : 'date +%s'
    expect(await readFile(script, 'utf8')).toContain(clock)
    expect(await store.canRunScript(profile('joe'))).toBe(true)
    await chmod(script, 0o600)
    expect(await store.canRunScript(profile('joe'))).toBe(false)
  })

  it.each([
    ['identity.json', '{', 'it is not JSON'],
    ['identity.json', '{"version":2}', 'its version 2 is not known to this tsh'],
    ['identity.json', '{"version":1}', 'a field is missing'],
  ])('refuses a %s of %s, naming the file', async (name, text, words) => {
    await store.save(profile('joe'), null, LAUNCHER)
    const path = join(store.directoryOf(profile('joe')), name)
    await writeFile(path, text)
    await expect(store.list()).rejects.toMatchObject({
      code: 'PROFILE_UNREADABLE',
      message: `${path}: ${words}`,
    })
  })

  it('does not forget what was pinned because it cannot be read', async () => {
    await store.save(profile('joe'), null, LAUNCHER)
    await writeFile(join(store.home, 'known-proxies.json'), '')
    await expect(store.known('p:3080')).rejects.toMatchObject({ code: 'PROFILE_UNREADABLE' })
    await expect(store.save(profile('joe'), null, LAUNCHER)).rejects.toMatchObject({
      code: 'PROFILE_UNREADABLE',
    })
  })

  it('does without what it only remembers', async () => {
    await store.save(profile('joe'), access, LAUNCHER)
    await writeFile(join(store.directoryOf(profile('joe')), 'access.json'), '{"version":9}')
    await writeFile(join(store.home, 'current.json'), 'x')
    expect(await store.find({})).toMatchObject({ access: null, isCurrent: false })
  })

  it('says where it cannot write', async () => {
    await writeFile(store.home, '')
    await expect(store.assertWritable()).rejects.toMatchObject({ code: 'PROFILE_UNWRITABLE' })
  })

  it('fifty logins at once leave fifty whole profiles', async () => {
    const users = Array.from({ length: 50 }, (_, n) => `u${n}`)
    await Promise.all(users.map((user) => store.save(profile(user), access, LAUNCHER)))
    expect((await store.list()).map((each) => each.profile.user).toSorted()).toEqual(
      users.toSorted(),
    )
  })

  it('one at a time asks a person for his password', async () => {
    let inside = 0
    let most = 0
    const ask = (): Promise<void> =>
      store.whileLoggingIn(profile('joe'), async () => {
        inside += 1
        most = Math.max(most, inside)
        await new Promise((resolve) => setImmediate(resolve))
        inside -= 1
      })
    await Promise.all([ask(), ask(), ask()])
    expect(most).toBe(1)
  })
})
