import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pemIdentity, userIdentity } from '../../../../test/support/identity-files.ts'
import { type Profile, ProfileStore } from '../../../client/index.ts'
import { authServerName } from '../../../protocol/index.ts'
import { type ChosenConnection, type ConnectionFlags, chooseConnection } from './choose.ts'

let directory: string
let home: string
let identityFile: string
let configFile: string
let emptyConfig: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'choose-'))
  home = join(directory, 'home')
  identityFile = join(directory, 'alice.pem')
  const { key, certificate, hostCa } = await pemIdentity(userIdentity('alice'))
  await writeFile(identityFile, key + certificate + hostCa, { mode: 0o600 })
  const dataDir = join(directory, 'data')
  await mkdir(dataDir)
  const admin = { version: 1, host: '127.0.0.1', port: 3025, server_name: 'auth.local' }
  await writeFile(join(dataDir, 'admin-identity.json'), JSON.stringify(admin))
  configFile = join(directory, 'teleport.yaml')
  await writeFile(configFile, JSON.stringify({ teleport: { data_dir: dataDir } }))
  emptyConfig = join(directory, 'empty.yaml')
  await writeFile(emptyConfig, JSON.stringify({ teleport: { data_dir: directory } }))
})
afterAll(() => rm(directory, { recursive: true }))

const choose = (
  flags: ConnectionFlags,
  env: Record<string, string> = {},
  nowMs = Date.now(),
): Promise<ChosenConnection> => chooseConnection(flags, { env, nowMs, userHome: home })

const profileOf = (proxy: string, user: string, expiresAtMs = Date.now() + 3_600_000): Profile => ({
  version: 1,
  proxy,
  user,
  teleport_cluster: 'example.com',
  host_ca: 'the authority',
  certificate: `certificate of ${user}`,
  private_key: 'a key',
  expires_at_ms: expiresAtMs,
  logged_in_at_ms: 1,
  kubeconfigs: [],
})

describe('chooseConnection()', () => {
  it.each<[string, ConnectionFlags, Record<string, string>, string]>([
    ['a flag with a port', { authServer: 'h:1' }, {}, 'h:1'],
    ['the port of the auth service', { authServer: 'h' }, {}, 'h:3025'],
    ['the web port of a proxy', { proxy: 'h' }, {}, 'h:3080'],
    ['nothing: this machine', {}, {}, '127.0.0.1:3025'],
    ['the environment', {}, { TELEPORT_AUTH_SERVER: 'e' }, 'e:3025'],
    ['the environment’s proxy', {}, { TELEPORT_PROXY: 'e' }, 'e:3080'],
    ['a flag before the environment', { proxy: 'h' }, { TELEPORT_AUTH_SERVER: 'e' }, 'h:3080'],
    ['an empty variable is none', {}, { TELEPORT_PROXY: '' }, '127.0.0.1:3025'],
  ])('takes an identity file to %s', async (_what, flags, env, address) => {
    const { connection, warning } = await choose({ ...flags, identity: identityFile }, env)
    expect(`${connection.host}:${connection.port}`).toBe(address)
    expect(connection.serverName).toBe(authServerName('example.com'))
    expect(connection.hints?.denied).toContain('as user "alice" of "example.com"')
    expect(connection.hints?.denied).toContain(address)
    expect(warning).toBeNull()
  })

  it('takes the identity file of the environment, unless -c names a configuration', async () => {
    const env = { TELEPORT_IDENTITY_FILE: identityFile }
    expect((await choose({}, env)).connection.serverName).toBe(authServerName('example.com'))
    const local = await choose({ config: configFile }, env)
    expect(local.connection.serverName).toBe('auth.local')
  })

  it('takes the administrator of this machine by -c, and by the environment', async () => {
    for (const [flags, env] of [
      [{ config: configFile }, {}],
      [{}, { TELEPORT_CONFIG_FILE: configFile }],
    ] as const) {
      const { connection } = await choose(flags, { ...env })
      expect(connection).toMatchObject({ host: '127.0.0.1', port: 3025, serverName: 'auth.local' })
      expect(connection.hints?.unreachable).toContain('as the administrator of this machine')
    }
  })

  it('takes him to another address when one is given', async () => {
    const { connection } = await choose({ config: configFile, authServer: '[::1]:1' })
    expect(connection).toMatchObject({ host: '::1', port: 1, serverName: 'auth.local' })
  })

  it('says why what -c names will not do', async () => {
    await expect(choose({ config: emptyConfig })).rejects.toMatchObject({
      code: 'IDENTITY_MISSING',
      message: `there is no ${join(directory, 'admin-identity.json')}`,
    })
    await expect(choose({ config: join(directory, 'none.yaml') })).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
    })
  })

  it('says everything that it looked at when nothing will do', async () => {
    await expect(choose({ proxy: 'h' })).rejects.toMatchObject({
      code: 'NO_IDENTITY',
      hint: [
        'not as the administrator of this machine: an address was named',
        `not by a login: there is none at h:3080 in ${join(home, '.tsh')}`,
        'log in: tsh login --proxy=h:3080',
        'or give an identity file and where to: -i <file> --auth-server=<host:port>',
        'or, on the machine of the auth service: -c <teleport.yaml>',
      ].join('\n'),
    })
  })

  describe('with logins', () => {
    const logins = (): ProfileStore => new ProfileStore(join(directory, 'logins'))
    const env = (): Record<string, string> => ({ TELEPORT_HOME: join(directory, 'logins') })
    beforeAll(async () => {
      await logins().save(profileOf('b.example.com:3080', 'bob'), null, ['tsh'])
      await logins().save(profileOf('c.example.com:3080', 'carol', 1000), null, ['tsh'])
      await logins().save(profileOf('a.example.com:443', 'alice'), null, ['tsh'])
    })

    it.each<[string, ConnectionFlags, Record<string, string>, string, string]>([
      ['that at the named proxy', { proxy: 'b.example.com' }, {}, 'bob', 'b.example.com:3080'],
      ['the current one at another address', { authServer: 'h:1' }, {}, 'alice', 'h:1'],
    ])('takes %s', async (_what, flags, more, user, address) => {
      const { connection } = await choose(flags, { ...env(), ...more })
      expect(connection.certificate).toBe(`certificate of ${user}`)
      expect(`${connection.host}:${connection.port}`).toBe(address)
      expect(connection.serverName).toBe(authServerName('example.com'))
      expect(connection.hints?.denied).toContain(`as user "${user}" of "example.com" by the login`)
      expect(connection.hints?.denied).toContain('\nnot as the administrator of this machine: ')
      expect(connection.hints?.unauthenticated).toMatch(/^log in again: tsh login --proxy=/)
    })

    it('refuses one that has ended, and says how to log in again', async () => {
      await expect(choose({ proxy: 'c.example.com' }, env())).rejects.toMatchObject({
        code: 'LOGIN_EXPIRED',
        message: 'the login of carol at c.example.com:3080 ended at 1970-01-01T00:00:01.000Z',
        hint: expect.stringMatching(
          /^log in again: tsh login --proxy=c\.example\.com:3080 --user=carol\n/,
        ) as string,
      })
    })

    it('prefers an identity file, and a configuration that is named', async () => {
      const byFile = await choose({ identity: identityFile, proxy: 'b.example.com' }, env())
      expect(byFile.connection.hints?.denied).toContain('(-i), at b.example.com:3080 (--proxy)')
      const local = await choose({ config: configFile }, env())
      expect(local.connection.serverName).toBe('auth.local')
    })

    it('does not take a login for an answer when -c names what is broken', async () => {
      await expect(choose({ config: emptyConfig }, env())).rejects.toMatchObject({
        code: 'IDENTITY_MISSING',
      })
    })
  })

  it('refuses an expired certificate before it asks anybody, with the next step', async () => {
    const later = Date.now() + 2 * 3_600_000
    await expect(choose({ identity: identityFile }, {}, later)).rejects.toMatchObject({
      code: 'IDENTITY_EXPIRED',
      hint: expect.stringContaining('tctl auth sign --user=alice --format=file') as string,
    })
  })

  it.each<[string, ConnectionFlags]>([
    ['two identities', { identity: 'a', config: 'b' }],
    ['two addresses', { identity: 'a', proxy: 'b', authServer: 'c' }],
  ])('refuses %s', async (_what, flags) => {
    await expect(choose(flags)).rejects.toMatchObject({ code: 'USAGE' })
  })
})
