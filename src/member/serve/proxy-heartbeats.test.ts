import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../core/index.ts'
import type { MemberCall } from '../ports.ts'
import { ProxyHeartbeats } from './proxy-heartbeats.ts'

const DIRECT = [{ server_name: 'west', addresses: ['10.0.0.1:3026', '10.0.0.2:3026'] }]

describe('where kubernetes services are dialled', () => {
  let directory: string
  let path: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'teleport-direct-'))
    path = join(directory, 'member-direct.json')
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  const open = (answer: () => Promise<unknown>): Promise<ProxyHeartbeats> =>
    ProxyHeartbeats.open({
      call: answer as unknown as MemberCall,
      version: '1.0.0',
      startedMs: 0,
      word: { tunnel_addresses: [], web_address: null, kube_address: null },
      path,
      log: silentLogger,
    })
  const reached = (): Promise<unknown> => Promise.resolve({ direct: DIRECT })
  const away = (): Promise<unknown> => Promise.reject(new Error('nobody is there'))

  it('is known after a restart without the auth service, from a private file', async () => {
    using before = await open(reached)
    expect(before.addressesOf('west')).toEqual([])
    await before.say()
    expect(before.addressesOf('west')).toEqual(DIRECT[0]?.addresses)
    expect((await stat(path)).mode & 0o777).toBe(0o600)

    using after = await open(away)
    await after.say()
    expect(after.addressesOf('west')).toEqual(DIRECT[0]?.addresses)
  })

  it('is what the auth service says as soon as it does', async () => {
    using before = await open(reached)
    await before.say()
    using after = await open(() => Promise.resolve({ direct: [] }))
    await after.say()
    expect(after.addressesOf('west')).toEqual([])
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual([])
  })

  it.each(['', '{}', '[null]', '[{"server_name":"west","addresses":"10.0.0.1"}]'])(
    'is not taken from a file that holds %j',
    async (text) => {
      await writeFile(path, text)
      using beats = await open(away)
      expect(beats.addressesOf('west')).toEqual([])
    },
  )
})
