import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ApiClient } from '../../../src/client/index.ts'
import { type Clock, type Logger, silentLogger } from '../../../src/core/index.ts'
import { openDialer } from '../../../src/dial/index.ts'
import {
  chooseStore,
  type IdentityOptions,
  MemberApi,
  type MemberIdentity,
  openMemberIdentity,
} from '../../../src/member/index.ts'
import { CLUSTER, OWN_HOST_ID, TestApi } from '../api/support/test-api.ts'

const DAY_MS = 24 * 60 * 60 * 1000

describe('the identity of a member', () => {
  let api: TestApi
  let directory: string
  let stack: AsyncDisposableStack
  let nowMs: number
  const clock: Clock = { now: () => nowMs }
  beforeEach(async () => {
    nowMs = Date.now()
    api = await TestApi.start({ clock })
    directory = await mkdtemp(join(tmpdir(), 'teleport-member-'))
    stack = new AsyncDisposableStack()
  })
  afterEach(async () => {
    await stack[Symbol.asyncDispose]()
    await api[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const newToken = async (
    services: ('kube' | 'proxy')[] = ['kube'],
    labels: Record<string, string> = {},
  ): Promise<string> => {
    using admin = new ApiClient(await api.admin())
    return (await admin.call('tokens.create', { body: { services, labels } })).token
  }

  const optionsWith = (
    given: Partial<IdentityOptions> & { bearer?: string | null },
  ): IdentityOptions => ({
    route: {
      via: 'auth',
      addresses: [{ host: '127.0.0.1', port: api.port }],
      dial: openDialer({}),
    },
    store: chooseStore({}, directory),
    services: ['kube'],
    token: async () => given.bearer ?? null,
    caPins: [api.authorities.caPin],
    insecure: false,
    nodename: 'agent-1',
    version: '0.0.0',
    clock,
    log: silentLogger,
    random: () => 0.5,
    signal: AbortSignal.timeout(30_000),
    ...given,
  })

  const open = async (
    given: Partial<IdentityOptions> & { bearer?: string | null } = {},
  ): Promise<MemberIdentity> => stack.use(await openMemberIdentity(optionsWith(given)))

  it('joins by a token, is in the inventory, and survives a restart without the token', async () => {
    const bearer = await newToken(['kube'], { env: 'prod' })
    const first = await open({ bearer })
    expect(first).toMatchObject({
      teleportCluster: CLUSTER,
      services: ['kube'],
      labels: { env: 'prod' },
    })
    const again = await open({ bearer: null })
    expect(again.hostId).toBe(first.hostId)
    expect(again.current().certificatePem).toBe(first.current().certificatePem)
    using admin = new ApiClient(await api.admin())
    const { items } = await admin.call('members.list', {})
    expect(items).toMatchObject([
      {
        metadata: { name: first.hostId, labels: { env: 'prod' } },
        spec: { hostname: 'agent-1', services: ['kube'] },
        status: { online: true },
      },
    ])
  })

  it('keeps one private file, and leaves no trace of the token in it or in storage', async () => {
    const bearer = await newToken()
    const identity = await open({ bearer })
    const [file = '', ...others] = await readdir(directory)
    expect(others).toEqual([])
    expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600)
    expect(await readFile(join(directory, file), 'utf8')).not.toContain(bearer)
    const kept = await api.backend.list('')
    const everything = JSON.stringify([kept.items, api.events])
    expect(everything).not.toContain(bearer)
    expect(everything).toContain(identity.hostId)
    expect(everything).not.toContain(identity.current().privateKeyPem.split('\n')[1])
  })

  it('is renewed at half of its life with a new key, and whoever looks is told', async () => {
    const identity = await open({ bearer: await newToken() })
    const before = identity.current()
    await stack[Symbol.asyncDispose]()
    stack = new AsyncDisposableStack()
    nowMs += 8 * DAY_MS
    const renewed = await open()
    let told = 0
    renewed.onChange(() => {
      told += 1
    })
    await expect.poll(() => told).toBe(1)
    const after = renewed.current()
    expect(renewed.hostId).toBe(identity.hostId)
    expect(after.privateKeyPem).not.toBe(before.privateKeyPem)
    expect(after.expiresAtMs - before.expiresAtMs).toBeGreaterThan(7 * DAY_MS)
    const restarted = await open()
    expect(restarted.current().certificatePem).toBe(after.certificatePem)
    expect(api.events.at(-1)).toMatchObject({
      event: 'cert.create',
      cert_type: 'host',
      user: `@${identity.hostId}`,
    })
  })

  it('says what to do when it expired while away, and joins again with a token', async () => {
    const first = await open({ bearer: await newToken() })
    await stack[Symbol.asyncDispose]()
    stack = new AsyncDisposableStack()
    nowMs += 15 * DAY_MS
    await expect(openMemberIdentity(optionsWith({}))).rejects.toMatchObject({
      code: 'MEMBER_IDENTITY_EXPIRED',
      message: expect.stringContaining('tctl tokens add --type=kube'),
    })
    const again = await open({ bearer: await newToken() })
    expect(again.current().expiresAtMs).toBeGreaterThan(nowMs)
    // Another token is another lineage: nobody becomes a member by knowing its id.
    expect(again.hostId).not.toBe(first.hostId)
  })

  it('refuses an authority that teleport.ca_pin does not name, by both names, and sends nothing', async () => {
    const bearer = await newToken()
    const pin = `sha256:${'0'.repeat(64)}`
    const events = api.events.length
    const refusal = await openMemberIdentity(optionsWith({ bearer, caPins: [pin] })).catch(
      (error: unknown) => error,
    )
    expect(refusal).toMatchObject({ code: 'CA_PIN_MISMATCH' })
    expect(String(refusal)).toContain(`teleport.ca_pin: ${pin}`)
    expect(String(refusal)).toContain(api.authorities.caPin)
    expect(api.events.length).toBe(events)
    expect(await readdir(directory)).toEqual([])
  })

  it('believes no unknown authority without a pin', async () => {
    const bearer = await newToken()
    const error = await openMemberIdentity(optionsWith({ bearer, caPins: [] })).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({
      code: 'CA_UNKNOWN',
      hint: expect.stringContaining('teleport.ca_pin'),
    })
  })

  it('does with --insecure, and says so', async () => {
    const warned: string[] = []
    const log: Logger = { ...silentLogger, warn: (_, message) => void warned.push(message) }
    await open({ bearer: await newToken(), caPins: [], insecure: true, log })
    expect(warned.join()).toContain('believed unseen')
  })

  it('tries again while nobody answers, and not when it is refused', async () => {
    const { port } = api
    const waiting: number[] = []
    const log: Logger = {
      ...silentLogger,
      warn: (fields) => void waiting.push(Number(fields['retry_ms'])),
    }
    const route = {
      via: 'auth' as const,
      addresses: [{ host: '127.0.0.1', port: 1 }],
      dial: openDialer({}),
    }
    const dial = openDialer({})
    let refused = 0
    await open({
      bearer: await newToken(),
      log,
      route: {
        ...route,
        dial: (address, signal) => {
          refused += 1
          return dial({ ...address, port: refused > 2 ? port : 1 }, signal)
        },
      },
    })
    expect(waiting).toHaveLength(1)
    await expect(
      openMemberIdentity(
        optionsWith({
          bearer: 'f'.repeat(48),
          store: chooseStore({}, join(directory, 'other')),
        }),
      ),
    ).rejects.toMatchObject({ code: 'JOIN_REFUSED' })
  })

  it('takes the next address when one is gone', async () => {
    const identity = await open({
      bearer: await newToken(),
      route: {
        via: 'auth',
        addresses: [
          { host: '127.0.0.1', port: 1 },
          { host: '127.0.0.1', port: api.port },
        ],
        dial: openDialer({}),
      },
    })
    using member = new MemberApi(identity, {
      via: 'auth',
      addresses: [
        { host: '127.0.0.1', port: 1 },
        { host: '127.0.0.1', port: api.port },
      ],
      dial: openDialer({}),
    })
    const { publicKey } = await import('node:crypto').then(({ generateKeyPairSync }) =>
      generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
    )
    const answer = await member.call('member.certificate', {
      body: {
        public_key: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
        nodename: 'agent-1',
        version: '0.0.0',
      },
    })
    expect(answer.host_id).toBe(identity.hostId)
  })

  it('goes through the proxy of HTTPS_PROXY, and past it for whom NO_PROXY names', async () => {
    const asked: string[] = []
    const proxy: Server = createServer()
    proxy.on('connect', (request, socket, head) => {
      asked.push(request.url ?? '')
      const onward = connect(api.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        onward.write(head)
        onward.pipe(socket).pipe(onward)
      })
      onward.on('error', () => socket.destroy())
      socket.on('error', () => onward.destroy())
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    stack.defer(() => {
      proxy.close()
      proxy.closeAllConnections()
    })
    const { port } = proxy.address() as AddressInfo
    const route = (env: Record<string, string>): IdentityOptions['route'] => ({
      via: 'auth',
      addresses: [{ host: 'auth.example.test', port: api.port }],
      dial: openDialer(env),
    })
    const env = { HTTPS_PROXY: `http://127.0.0.1:${port}` }
    await open({ bearer: await newToken(), route: route(env) })
    expect(new Set(asked)).toEqual(new Set([`auth.example.test:${api.port}`]))
    const past = new AbortController()
    setTimeout(() => past.abort(), 2000)
    await expect(
      openMemberIdentity(
        optionsWith({
          bearer: await newToken(),
          store: chooseStore({}, join(directory, 'other')),
          route: route({ ...env, NO_PROXY: '.example.test' }),
          signal: past.signal,
        }),
      ),
    ).rejects.toThrow()
    expect(new Set(asked).size).toBe(1)
  })

  it('never becomes the auth service’s own process', async () => {
    using admin = new ApiClient(await api.admin())
    const { token } = await admin.call('tokens.create', { body: { services: ['kube'] } })
    using stranger = new ApiClient({ ...(await api.admin()), certificate: null, privateKey: null })
    const { publicKey } = await import('../../../src/x509/index.ts').then(({ generateKeyPair }) =>
      generateKeyPair(),
    )
    const answer = await stranger.call('join.create', {
      body: {
        token,
        services: ['kube'],
        public_key: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
        host_id: OWN_HOST_ID,
        nodename: 'x',
        version: '0',
      },
    })
    expect(answer.host_id).not.toBe(OWN_HOST_ID)
  })
})
