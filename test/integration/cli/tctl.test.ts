import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run } from '../../../src/cli/run.ts'
import { buildTctl } from '../../../src/cli/tctl/program.ts'
import type { TopSample } from '../../../src/cli/tctl/top/sample.ts'
import { ApiClient, type ApiConnection, ProfileStore } from '../../../src/client/index.ts'
import { FakeIo } from '../../support/fake-io.ts'
import { CLUSTER, TestApi } from '../api/support/test-api.ts'

let api: TestApi
let directory: string
beforeEach(async () => {
  api = await TestApi.start()
  directory = await mkdtemp(join(tmpdir(), 'tctl-'))
})
afterEach(async () => {
  await api[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

/** An identity file of a user who has these roles. */
async function identityFile(user: string, roles: string[]): Promise<string> {
  const path = join(directory, `${user}.pem`)
  await writeFile(path, pemOf(await api.as(user, roles)), { mode: 0o600 })
  return path
}

const pemOf = ({ privateKey, certificate, hostCa }: ApiConnection): string =>
  `${privateKey}${certificate}${hostCa}`

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function tctl(
  argv: readonly string[],
  options: { env?: Record<string, string>; io?: FakeIo } = {},
): Promise<Ran> {
  // Nothing of this machine: no logins, no administrator.
  const env = {
    TELEPORT_HOME: join(directory, 'home'),
    TELEPORT_AUTH_SERVER: `127.0.0.1:${api.port}`,
    ...options.env,
  }
  const io = options.io ?? new FakeIo({ env })
  Object.assign(io.env, env)
  const code = await run(buildTctl, argv, io)
  return { code, out: io.out, err: io.err }
}

describe('tctl by an identity file', () => {
  it('does what the roles allow', async () => {
    const file = await identityFile('root', ['admin'])
    const added = await tctl(['-i', file, 'create', await resource('role', 'developer')])
    expect(added).toMatchObject({ code: 0, out: 'role "developer" created\n' })
    const listed = await tctl(['users', 'ls', '--format=json', '-i', file])
    expect(listed.code).toBe(0)
    expect(listed.out).toContain('"root"')
    expect(api.events.at(-1)).toMatchObject({ event: 'role.created', user: 'root' })
  })

  it('refuses in words what they do not, and says as whom and by what', async () => {
    const file = await identityFile('olga', ['auditor'])
    const refused = await tctl(['-i', file, 'create', await resource('role', 'developer')])
    expect(refused.code).toBe(4)
    expect(refused.err).toMatch(/^tctl: you may not create role: no role of yours allows it/)
    expect(refused.err).toContain(
      `tctl: as user "olga" of "${CLUSTER}" by ${file} (-i), at 127.0.0.1:${api.port} ($TELEPORT_AUTH_SERVER)\n`,
    )
    expect(await api.stores.roles.find('developer')).toBeNull()
  })

  it('says what to do when the user is gone', async () => {
    const file = await identityFile('olga', ['auditor'])
    await api.stores.users.delete('olga')
    await expect.poll(() => api.access.current().users.has('olga')).toBe(false)
    const refused = await tctl(['-i', file, 'status'])
    expect(refused).toMatchObject({ code: 4 })
    expect(refused.err).toContain('this user does not exist any more')
  })

  it('sends nothing to a server that another authority vouches for', async () => {
    const file = await identityFile('root', ['admin'])
    await using other = await TestApi.start()
    const refused = await tctl([
      '-i',
      file,
      '--auth-server',
      `127.0.0.1:${other.port}`,
      'users',
      'ls',
    ])
    expect(refused.code).toBe(1)
    expect(refused.err).toMatch(/^tctl: the server at 127\.0\.0\.1:\d+ is not the expected auth/)
    expect(refused.err).toContain(`of "${CLUSTER}"? the authority in ${file} does not vouch`)
    expect(other.events).toEqual([])
  })

  it('warns when others can read the file, and works', async () => {
    const file = await identityFile('root', ['admin'])
    await chmod(file, 0o640)
    const done = await tctl(['-i', file, 'status'])
    expect(done.code).toBe(0)
    expect(done.err).toBe(`tctl: ${file} can be read by others: chmod 600 ${file}\n`)
  })
})

describe('tctl by a login of tsh', () => {
  const login = async (user: string, roles: string[], livesMs = 3_600_000): Promise<void> => {
    const { privateKey, certificate, hostCa } = await api.as(user, roles)
    const profile = {
      version: 1,
      proxy: `127.0.0.1:${api.port}`,
      user,
      teleport_cluster: CLUSTER,
      host_ca: hostCa,
      certificate: certificate ?? '',
      private_key: privateKey ?? '',
      expires_at_ms: Date.now() + livesMs,
      logged_in_at_ms: Date.now(),
      kubeconfigs: [],
    } as const
    await new ProfileStore(join(directory, 'home')).save(profile, null, ['tsh'])
  }
  const env = { TELEPORT_AUTH_SERVER: '' }

  it('needs nothing on the command line', async () => {
    await login('root', ['admin'])
    const done = await tctl(['users', 'ls'], { env })
    expect(done, done.err).toMatchObject({ code: 0 })
    expect(done.out).toContain('root')
  })

  it('says why it was taken when the roles do not allow something', async () => {
    await login('olga', ['auditor'])
    const { code, err } = await tctl(['rm', 'roles/access'], { env })
    expect(code).toBe(4)
    expect(err).toContain(
      `tctl: as user "olga" of "${CLUSTER}" by the login at 127.0.0.1:${api.port}`,
    )
    expect(err).toContain('tctl: not as the administrator of this machine: ')
  })

  it('leads to "tsh login" when it has ended, and asks nobody', async () => {
    await login('root', ['admin'], -1000)
    const { code, err } = await tctl(['users', 'ls'], { env })
    expect(code).toBe(4)
    expect(err).toContain(
      `tctl: log in again: tsh login --proxy=127.0.0.1:${api.port} --user=root\n`,
    )
  })

  it('tells where to begin when there is none', async () => {
    const { code, err } = await tctl(['users', 'ls'], { env })
    expect(code).toBe(4)
    expect(err).toMatch(/^tctl: there is no identity here to act with\n/)
    expect(err).toContain('tctl: log in: tsh login --proxy=<host:port>\n')
  })
})

describe('tctl edit', () => {
  const edit = async (
    sitting: (text: string) => Promise<string> | string,
  ): Promise<Ran & { readonly path: string }> => {
    const file = await identityFile('root', ['admin'])
    const io = new FakeIo({ env: { EDITOR: 'ed' } })
    let path = ''
    io.foreground = async (_command, [given = '']) => {
      path = given
      await writeFile(given, await sitting(await readFile(given, 'utf8')))
      return 0
    }
    return { ...(await tctl(['-i', file, 'edit', 'roles/auditor'], { io })), path }
  }

  it('writes what was changed', async () => {
    const done = await edit((text) => text.replace('read the audit log', 'READ'))
    expect(done, done.err).toMatchObject({ code: 0, out: 'role "auditor" written\n' })
    expect((await api.stores.roles.read('auditor')).metadata.description).toMatch(/^READ/)
  })

  it('overwrites nobody who was faster, and keeps the text', async () => {
    using admin = new ApiClient(await api.admin())
    const conflict = await edit(async (text) => {
      const params = { name: 'auditor' }
      const role = await admin.call('roles.read', { params })
      const spec = { ...role.spec, deny: { logins: ['root'] } }
      await admin.call('roles.upsert', { params, body: { ...role, spec } })
      return text.replace('read the audit log', 'MINE')
    })
    expect(conflict.code).toBe(1)
    expect(conflict.err).toContain('role "auditor" was changed by somebody else')
    expect(conflict.err).toContain(`your text is kept in ${conflict.path}`)
    expect(await readFile(conflict.path, 'utf8')).toContain('MINE')
    const role = await api.stores.roles.read('auditor')
    expect(role.spec.deny).toEqual({ logins: ['root'] })
    expect(role.metadata.description).not.toContain('MINE')
    await rm(join(conflict.path, '..'), { recursive: true })
  })

  it('names the field that the auth service refuses', async () => {
    const refused = await edit((text) => text.replace('deny: {}', 'denies: {}'))
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('denies')
    await rm(join(refused.path, '..'), { recursive: true })
  })
})

describe('tctl top', () => {
  it('gives numbers to an auditor, and words to others', async () => {
    const argv = ['top', '--once', '--format=json', '--interval=200ms']
    const done = await tctl(['-i', await identityFile('olga', ['auditor']), ...argv])
    expect(done, done.err).toMatchObject({ code: 0 })
    expect(JSON.parse(done.out) as TopSample).toMatchObject({
      cluster_name: CLUSTER,
      requests_per_second: 0,
      clusters: [],
    })
    const refused = await tctl(['-i', await identityFile('joe', ['access']), ...argv])
    expect(refused.code).toBe(4)
    expect(refused.err).toContain('you may not read stats')
  })
})

/** A file with a resource that says nothing. */
async function resource(kind: string, name: string): Promise<string> {
  const path = join(directory, `${name}.yaml`)
  const spec = { allow: { kubernetes_groups: ['dev'] } }
  await writeFile(path, JSON.stringify({ kind, version: 'v7', metadata: { name }, spec }))
  return path
}
