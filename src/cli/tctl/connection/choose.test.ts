import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pemIdentity, userIdentity } from '../../../../test/support/identity-files.ts'
import { authServerName } from '../../../protocol/index.ts'
import { type ChosenConnection, type ConnectionFlags, chooseConnection } from './choose.ts'

let directory: string
let identityFile: string
let configFile: string
let emptyConfig: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'choose-'))
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
): Promise<ChosenConnection> => chooseConnection(flags, env, nowMs)

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

  it('does not act as the administrator of this machine when an address was given', async () => {
    await expect(choose({ proxy: 'h' })).rejects.toMatchObject({
      code: 'NO_IDENTITY',
      hint: expect.stringContaining('an address was given') as string,
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
