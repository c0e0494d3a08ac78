import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ApiClient } from '../../../src/client/index.ts'
import { endpoints, type LockResource } from '../../../src/contract/index.ts'
import { errorCode } from '../../../src/core/index.ts'
import { generateKeyPair, publicKeyToPem } from '../../../src/x509/index.ts'
import { call, TestApi } from './support/test-api.ts'

const lockOn = (
  target: LockResource['spec']['target'],
  fields: Partial<LockResource['spec']> = {},
  name = 'l1',
): LockResource => ({
  kind: 'lock',
  version: 'v2',
  metadata: { name },
  spec: { target, ...fields },
})

describe('locks', () => {
  let api: TestApi
  let aheadMs: number
  const nowMs = (): number => Date.now() + aheadMs
  beforeEach(async () => {
    aheadMs = 0
    api = await TestApi.start({ clock: { now: nowMs } })
  })
  afterEach(() => api[Symbol.asyncDispose]())

  const inMs = (ms: number): string => new Date(nowMs() + ms).toISOString()

  it.each([
    ['a user', { user: 'eve' }],
    ['a role', { role: 'admin' }],
    ['a user with a role', { user: 'eve', role: 'admin' }],
  ])('on %s refuse the next call, with the message, and audit it', async (_whom, target) => {
    using admin = new ApiClient(await api.admin())
    using eve = new ApiClient(await api.as('eve', ['admin']))
    await eve.call('users.list', {})
    await admin.call('locks.create', { body: lockOn(target, { message: 'incident 42' }) })
    await expect(eve.call('users.list', {})).rejects.toMatchObject({
      code: 'LOCKED',
      status: 403,
      message: 'you are locked out: incident 42',
    })
    expect(api.events.at(-1)).toMatchObject({ event: 'auth', user: 'eve', error_code: 'LOCKED' })
    await admin.call('locks.delete', { params: { name: 'l1' } })
    await expect.poll(() => api.access.current().locks.inForce('eve', ['admin'], 0)).toBeNull()
    await eve.call('users.list', {})
  })

  it('stop who sent the head of a change before, and its last byte after', async () => {
    using admin = new ApiClient(await api.admin())
    const eve = await api.as('eve', ['admin'])
    const body = JSON.stringify(lockOn({ user: 'root' }, {}, 'l2'))
    const change = httpsRequest({
      host: eve.host,
      port: eve.port,
      servername: eve.serverName,
      ca: eve.hostCa,
      cert: eve.certificate ?? '',
      key: eve.privateKey ?? '',
      method: 'POST',
      path: '/v1/locks',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    })
    const answered = once(change, 'response') as Promise<[IncomingMessage]>
    change.write(body.slice(0, -1))
    // Time for its head to be judged; were it judged later, the test would pass by the first judgement.
    await new Promise((resolve) => setTimeout(resolve, 200))
    await admin.call('locks.create', { body: lockOn({ user: 'eve' }) })
    change.end(body.slice(-1))
    const [response] = await answered
    response.resume()
    expect(response.statusCode).toBe(403)
    expect((await admin.call('locks.list', {})).items.map(({ metadata }) => metadata.name)).toEqual(
      ['l1'],
    )
  })

  it('on a role hit who holds it by certificate, and who got it later', async () => {
    using admin = new ApiClient(await api.admin())
    const certified = await api.as('eve', ['admin', 'auditor'])
    await api.as('eve', ['admin'])
    await admin.call('locks.create', { body: lockOn({ role: 'auditor' }) })
    using eve = new ApiClient(certified)
    await expect(eve.call('users.list', {})).rejects.toMatchObject({ code: 'LOCKED' })

    const before = await api.as('bob', ['admin'])
    using bob = new ApiClient(before)
    await bob.call('users.list', {})
    await api.as('bob', ['admin', 'auditor'])
    await expect(bob.call('users.list', {})).rejects.toMatchObject({ code: 'LOCKED' })
  })

  it('end by themselves when their time is over', async () => {
    using admin = new ApiClient(await api.admin())
    using eve = new ApiClient(await api.as('eve', ['admin']))
    const body = lockOn({ user: 'eve' }, { expires: inMs(600_000) })
    await admin.call('locks.create', { body })
    await expect(eve.call('users.list', {})).rejects.toMatchObject({ code: 'LOCKED' })
    expect((await admin.call('locks.list', {})).items).toHaveLength(1)
    aheadMs = 600_000
    await eve.call('users.list', {})
    expect((await admin.call('locks.list', {})).items).toEqual([])
  })

  it('cannot lock the administrator of the machine out, whatever they name', async () => {
    using admin = new ApiClient(await api.admin())
    for (const [index, user] of ['@admin', '@h', 'admin'].entries()) {
      await admin.call('locks.create', { body: lockOn({ user }, {}, `l${index}`) })
    }
    await admin.call('locks.create', { body: lockOn({ role: 'local-administrator' }, {}, 'l9') })
    expect((await admin.call('locks.list', {})).items).toHaveLength(4)
  })

  it('are audited before and after, with whom they hit', async () => {
    using admin = new ApiClient(await api.admin())
    const expires = inMs(600_000)
    const body = lockOn({ user: 'eve' }, { expires, message: 'away' })
    await admin.call('locks.create', { body })
    await admin.call('locks.delete', { params: { name: 'l1' } })
    const found = api.events.filter(({ event }) => event.startsWith('lock.'))
    expect(found).toMatchObject([
      { event: 'lock.created', code: 'TLK00I', user: '@admin', outcome: 'started' },
      { event: 'lock.created', outcome: 'done', name: 'l1', target: { user: 'eve' }, expires },
      { event: 'lock.deleted', code: 'TLK01I', outcome: 'started' },
      { event: 'lock.deleted', outcome: 'done', name: 'l1', target: { user: 'eve' } },
    ])
  })

  it.each([
    ['nobody in it', lockOn({})],
    ['an end that has passed', lockOn({ user: 'eve' }, { expires: '2020-01-31T09:00:00Z' })],
    ['an end that is none', lockOn({ user: 'eve' }, { expires: 'tomorrow' })],
    ['an end without a zone', lockOn({ user: 'eve' }, { expires: '2099-01-31T09:00:00' })],
    ['a message of two lines', lockOn({ user: 'eve' }, { message: 'a\nb' })],
    ['a message that moves the cursor', lockOn({ user: 'eve' }, { message: '\u001b[2J' })],
  ])('are refused with %s', async (_what, body) => {
    const answer = await call(await api.admin(), endpoints['locks.create'], body)
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST' } } })
  })

  it('are stored with their end in UTC, and replaced whole', async () => {
    using admin = new ApiClient(await api.admin())
    const ends = '2099-01-31T10:00:00+01:00'
    await admin.call('locks.create', { body: lockOn({ user: 'eve' }, { expires: ends }, 'l2') })
    const stored = await admin.call('locks.read', { params: { name: 'l2' } })
    expect(stored.spec.expires).toBe('2099-01-31T09:00:00.000Z')
    const soon = { expires: inMs(600_000), message: 'a' }
    await admin.call('locks.create', { body: lockOn({ user: 'eve' }, soon) })
    const params = { name: 'l1' }
    const replaced = await admin.call('locks.upsert', { params, body: lockOn({ user: 'bob' }) })
    expect(replaced.spec).toEqual({ target: { user: 'bob' } })
    aheadMs = 1_200_000
    expect((await admin.call('locks.read', { params })).spec.target).toEqual({ user: 'bob' })
  })
})

describe('an address', () => {
  it.each([
    ['of another machine', '10.0.0.9', 'ADDRESS_PINNED'],
    ['that the certificate does not have', null, 'ADDRESS_NOT_PINNED'],
    ['of this machine', '127.0.0.1', null],
    ['of this machine, written for both families', '::ffff:127.0.0.1', null],
  ])('%s, where a role pins', async (_which, pinned, code) => {
    await using api = await TestApi.start()
    await api.stores.roles.upsert({
      kind: 'role',
      version: 'v7',
      metadata: { name: 'pins' },
      spec: { options: { pin_source_ip: true } },
    })
    await expect.poll(() => api.access.current().roles.has('pins')).toBe(true)
    using client = new ApiClient(await api.as('eve', ['admin', 'pins'], pinned))
    const answer = client.call('users.list', {}).then(
      () => null,
      (error: unknown) => error,
    )
    if (code === null) expect(await answer).toBeNull()
    else expect(await answer).toMatchObject({ code, status: 403 })
  })

  it('is asked for when a certificate is signed for somebody whose role pins', async () => {
    await using api = await TestApi.start()
    await api.stores.roles.upsert({
      kind: 'role',
      version: 'v7',
      metadata: { name: 'pins' },
      spec: { options: { pin_source_ip: true } },
    })
    await api.as('robot', ['admin', 'pins'])
    using admin = new ApiClient(await api.admin())
    const { privateKey, publicKey } = await generateKeyPair()
    const sign = (pin?: string): Promise<{ certificate: string }> =>
      admin.call('users.certificates.create', {
        params: { name: 'robot' },
        body: {
          public_key: publicKeyToPem(publicKey),
          ...(pin === undefined ? {} : { pin_address: pin }),
        },
      })
    await expect(sign()).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('role "pins" options.pin_source_ip') as string,
    })
    await expect(sign('localhost')).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    const callWith = async (pin: string): Promise<unknown> => {
      const { certificate } = await sign(pin)
      const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      using robot = new ApiClient({
        ...(await api.admin()),
        certificate,
        privateKey: key,
      })
      return await robot.call('users.list', {}).then(
        () => 'served',
        (error: unknown) => errorCode(error),
      )
    }
    expect(await callWith('10.0.0.7')).toBe('ADDRESS_PINNED')
    expect(await callWith('0:0:0:0:0:FFFF:127.0.0.1')).toBe('served')
  })
})
