import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ApiClient } from '../../../src/client/index.ts'
import type { BodyOf, ResponseOf } from '../../../src/contract/index.ts'
import type { Clock } from '../../../src/core/index.ts'
import {
  certificateFromPem,
  generateKeyPair,
  parseCertificate,
  publicKeyToPem,
} from '../../../src/x509/index.ts'
import { OWN_HOST_ID, TestApi } from './support/test-api.ts'

const STATIC = 'a static token of the tests'.replaceAll(' ', '-')
const HOUR_MS = 3_600_000

describe('joining', () => {
  let api: TestApi
  let nowMs: number
  const clock: Clock = { now: () => nowMs }
  beforeEach(async () => {
    nowMs = Date.now()
    api = await TestApi.start({ clock, staticTokens: [{ token: STATIC, services: ['kube'] }] })
  })
  afterEach(() => api[Symbol.asyncDispose]())

  const make = async (
    body: Partial<BodyOf<'tokens.create'>> = {},
  ): Promise<ResponseOf<'tokens.create'>> => {
    using admin = new ApiClient(await api.admin())
    return await admin.call('tokens.create', { body: { services: ['kube'], ...body } })
  }

  const join = async (
    token: string,
    given: Partial<BodyOf<'join.create'>> = {},
  ): Promise<ResponseOf<'join.create'> & { privateKey: string }> => {
    const { privateKey, publicKey } = await generateKeyPair()
    using stranger = new ApiClient({ ...(await api.admin()), certificate: null, privateKey: null })
    const answer = await stranger.call('join.create', {
      body: {
        token,
        services: ['kube'],
        public_key: publicKeyToPem(publicKey),
        nodename: 'agent',
        version: '1.0.0',
        ...given,
      },
    })
    return {
      ...answer,
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
  }

  const as = async (joined: Awaited<ReturnType<typeof join>>): Promise<ApiClient> => {
    const { certificate, privateKey } = joined
    return new ApiClient({ ...(await api.admin()), certificate, privateKey })
  }

  const serve = async (
    client: ApiClient,
    name: string,
  ): Promise<ResponseOf<'member.heartbeat'>['refused']> => {
    const { refused } = await client.call('member.heartbeat', {
      body: {
        version: '1.0.0',
        address: null,
        clusters: [
          {
            name,
            labels: {},
            unknown_labels: [],
            health: 'healthy',
            problem: null,
            since: new Date(nowMs).toISOString(),
            kubernetes_version: null,
          },
        ],
      },
    })
    return refused
  }

  it('gives a certificate of the host CA for the key that was sent, and says who joined', async () => {
    const { token, resource } = await make({ labels: { team: 'blue' } })
    const joined = await join(token)
    expect(joined).toMatchObject({
      cluster_name: 'api.example.com',
      services: ['kube'],
      labels: { team: 'blue' },
      host_ca: api.authorities.hostCaPem,
    })
    const certificate = parseCertificate(certificateFromPem(joined.certificate))
    expect(certificate.x509.verify(api.authorities.trust().hostCas[0]?.publicKey as never)).toBe(
      true,
    )
    expect(Date.parse(joined.expires)).toBe(certificate.notAfterMs)
    const events = api.events.filter(({ event }) => event === 'instance.join')
    expect(events).toMatchObject([
      { code: 'TJ002I', outcome: 'started' },
      {
        code: 'TJ002I',
        outcome: 'done',
        success: true,
        user: `@${joined.host_id}`,
        host_id: joined.host_id,
        token_name: resource.metadata.name,
        services: ['kube'],
      },
    ])
    expect(JSON.stringify(api.events)).not.toContain(token)
  })

  it('takes a token again until its time is over, and then says the same as for one that never was', async () => {
    const { token } = await make({ ttl_ms: HOUR_MS })
    const [one, other] = [await join(token), await join(token)]
    expect(one.host_id).not.toBe(other.host_id)
    nowMs += HOUR_MS
    const expired = await join(token).catch((error: unknown) => error)
    const never = await join('f'.repeat(48)).catch((error: unknown) => error)
    expect(expired).toMatchObject({ code: 'JOIN_REFUSED', status: 401 })
    expect(String(expired)).toBe(String(never))
    const { token: removed, resource } = await make()
    using admin = new ApiClient(await api.admin())
    await admin.call('tokens.delete', { params: { name: resource.metadata.name } })
    expect(String(await join(removed).catch((error: unknown) => error))).toBe(String(never))
    // Who has joined stays.
    using client = await as(one)
    expect(await serve(client, 'prod')).toEqual([])
  })

  it.each<[('kube' | 'proxy')[], ('kube' | 'proxy')[], string]>([
    [['proxy'], ['kube'], 'is for proxy, and not for kube'],
    [['kube'], ['kube', 'proxy'], 'is for kube, and not for proxy'],
  ])('with a token for %j is not for %j', async (services, wanted, words) => {
    const { token, resource } = await make({ services })
    await expect(join(token, { services: wanted })).rejects.toMatchObject({
      code: 'JOIN_WRONG_SERVICE',
      status: 403,
      message: expect.stringContaining(words),
    })
    expect(api.events.at(-1)).toMatchObject({
      event: 'instance.join',
      code: 'TJ002E',
      success: false,
      error_code: 'JOIN_WRONG_SERVICE',
      token_name: resource.metadata.name,
    })
    expect(await api.joining.members.list({})).toMatchObject({ items: [] })
  })

  it('is slowed down by address after wrong tokens, and a right one waits too', async () => {
    const { token } = await make()
    const codes: string[] = []
    for (let guess = 0; guess < 15; guess += 1) {
      const error: unknown = await join(`${guess}`.padStart(48, '0')).catch(
        (thrown: unknown) => thrown,
      )
      codes.push((error as { code: string }).code)
    }
    expect(codes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 'JOIN_REFUSED'))
    expect(codes.at(-1)).toBe('JOIN_THROTTLED')
    await expect(join(token)).rejects.toMatchObject({ code: 'JOIN_THROTTLED', status: 429 })
    api.address = '10.9.8.7'
    await join(token)
    api.address = '127.0.0.1'
    nowMs += 2 * 60_000
    await join(token)
    const refused = api.events.filter(({ code }) => code === 'TJ002E')
    expect(refused.length).toBe(16)
    for (const event of refused) expect(JSON.stringify(event)).not.toMatch(/0{20}/)
  })

  it('counts guesses that come at once', async () => {
    const guesses = Array.from({ length: 60 }, (_, guess) =>
      join(`${guess}`.padStart(48, '0')).catch((error: { code: string }) => error.code),
    )
    const codes = await Promise.all(guesses)
    expect(codes.filter((code) => code === 'JOIN_REFUSED').length).toBeLessThanOrEqual(11)
  })

  it('enters nobody for a key that is none', async () => {
    const { token } = await make()
    for (const key of [
      'x',
      'rsa',
      '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
    ]) {
      await expect(join(token, { public_key: key })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    }
    expect(await api.joining.members.list({})).toMatchObject({ items: [] })
  })

  it('enters nobody whom the audit log does not know', async () => {
    const { token } = await make()
    api.spoolFails = true
    await expect(join(token)).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
    expect(await api.joining.members.list({})).toMatchObject({ items: [] })
  })

  it('gives a host id to its own lineage again, and to nobody else', async () => {
    const { token } = await make()
    const first = await join(token)
    expect((await join(token, { host_id: first.host_id })).host_id).toBe(first.host_id)
    const { token: other } = await make()
    expect((await join(other, { host_id: first.host_id })).host_id).not.toBe(first.host_id)
    expect((await join(token, { host_id: OWN_HOST_ID })).host_id).not.toBe(OWN_HOST_ID)
    expect((await join(STATIC, { host_id: first.host_id })).host_id).not.toBe(first.host_id)
  })

  it.each([
    ['2.0.0', 'must not be of a newer major version than the auth service'],
    ['3.1.0-rc.1', 'upgrade the auth service first'],
  ])('refuses a service of version %s, naming both versions', async (version, words) => {
    const { token } = await make()
    await expect(join(token, { version })).rejects.toMatchObject({
      code: 'VERSION_UNSUITABLE',
      message: expect.stringContaining(
        `this service is of version ${version}, and the auth service of 1.0.0: `,
      ) as string,
    })
    await expect(join(token, { version })).rejects.toThrow(words)
    expect(api.events.at(-1)).toMatchObject({
      event: 'instance.join',
      code: 'TJ002E',
      error_code: 'VERSION_UNSUITABLE',
    })
    const joined = await join(token, { version: '0.9.0' })
    using client = await as(joined)
    const { publicKey } = await generateKeyPair()
    const renew = client.call('member.certificate', {
      body: { public_key: publicKeyToPem(publicKey), nodename: 'n', version },
    })
    await expect(renew).rejects.toMatchObject({ code: 'VERSION_UNSUITABLE' })
    const beat = client.call('member.heartbeat', { body: { version, address: null, clusters: [] } })
    await expect(beat).rejects.toMatchObject({ code: 'VERSION_UNSUITABLE' })
    using admin = new ApiClient(await api.admin())
    const found = await admin.call('members.read', { params: { name: joined.host_id } })
    expect(found.spec.version).toBe('0.9.0')
  })

  it('renews for the services of the record, with a key of its own', async () => {
    const joined = await join((await make()).token)
    using client = await as(joined)
    nowMs += 5 * 24 * HOUR_MS
    const { publicKey } = await generateKeyPair()
    const renewed = await client.call('member.certificate', {
      body: { public_key: publicKeyToPem(publicKey), nodename: 'renamed', version: '1.1.0' },
    })
    expect(renewed).toMatchObject({ host_id: joined.host_id, services: ['kube'] })
    expect(Date.parse(renewed.expires) - Date.parse(joined.expires)).toBeGreaterThan(
      4 * 24 * HOUR_MS,
    )
    using admin = new ApiClient(await api.admin())
    const found = await admin.call('members.read', { params: { name: joined.host_id } })
    expect(found.spec).toMatchObject({ hostname: 'renamed', version: '1.1.0' })
  })

  it('refuses a name that agents of another token serve, until an administrator frees it', async () => {
    const [first, second] = [await make(), await make()]
    const owner = await join(first.token)
    using one = await as(owner)
    using twin = await as(await join(first.token))
    using other = await as(await join(second.token))
    using admin = new ApiClient(await api.admin())
    expect(await serve(one, 'prod')).toEqual([])
    expect(await serve(twin, 'prod')).toEqual([])
    expect(await serve(other, 'prod')).toMatchObject([{ name: 'prod' }])
    const { publicKey } = await generateKeyPair()
    const certify = (client: ApiClient): Promise<ResponseOf<'member.server_certificates'>> =>
      client.call('member.server_certificates', {
        body: { public_key: publicKeyToPem(publicKey), clusters: ['prod'] },
      })
    expect(await certify(other)).toMatchObject({ certificates: [], refused: [{ name: 'prod' }] })
    expect((await certify(twin)).certificates).toHaveLength(1)

    const params = { name: 'prod' }
    await expect(admin.call('kube_servers.delete', { params })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('tctl rm instance/'),
    })
    const { items } = await admin.call('kube_servers.list', {})
    expect(items).toHaveLength(2)
    expect(items[0]?.spec.token).toBe(first.resource.metadata.name)
    // However long the owner is away.
    nowMs += 40 * 24 * HOUR_MS
    using later = new ApiClient(await api.admin())
    expect((await later.call('kube_servers.list', {})).items).toMatchObject([
      { metadata: { name: 'prod' }, spec: { host_id: null }, status: { online: false } },
    ])
    expect((await api.joining.names.claim('prod', 'somebody else')).lineage).toBe(
      first.resource.metadata.name,
    )
    await later.call('kube_servers.delete', { params })
    expect(api.events.at(-1)).toMatchObject({ event: 'kube.delete', name: 'prod', outcome: 'done' })
    await expect(later.call('kube_servers.delete', { params })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    using late = await as(await join((await make()).token))
    expect(await serve(late, 'prod')).toEqual([])
  })

  it('ends with the removal of a member: no call, no renewal, nothing online', async () => {
    const joined = await join((await make()).token)
    using client = await as(joined)
    await serve(client, 'prod')
    using admin = new ApiClient(await api.admin())
    await admin.call('members.delete', { params: { name: joined.host_id } })
    await expect(serve(client, 'prod')).rejects.toMatchObject({ code: 'MEMBER_REMOVED' })
    const { publicKey } = await generateKeyPair()
    await expect(
      client.call('member.certificate', {
        body: { public_key: publicKeyToPem(publicKey), nodename: 'n', version: '1' },
      }),
    ).rejects.toMatchObject({ code: 'MEMBER_REMOVED', status: 403 })
    expect((await api.kubeClusters.find('prod'))?.online).toBe(false)
    expect((await admin.call('members.list', {})).items).toEqual([])
    expect(api.events.filter(({ event }) => event === 'instance.delete')).toHaveLength(2)
    await admin.call('kube_servers.delete', { params: { name: 'prod' } })
  })

  it('is remembered for longer than any certificate that the member was given, whatever an old setting says', async () => {
    await api.stores.settings.upsert({
      kind: 'cluster_settings',
      version: 'v1',
      metadata: { name: 'cluster-settings' },
      spec: { offline_access_ttl: '8760h' },
    })
    await expect
      .poll(() => api.access.current().settings.offline_access_ttl, { timeout: 5000 })
      .toBe('8760h')
    const joined = await join((await make()).token)
    using client = await as(joined)
    await serve(client, 'prod')
    const { publicKey } = await generateKeyPair()
    const { certificates } = await client.call('member.server_certificates', {
      body: { public_key: publicKeyToPem(publicKey), clusters: ['prod'] },
    })
    const endMs = Date.parse(certificates[0]?.expires ?? '')
    using admin = new ApiClient(await api.admin())
    await admin.call('members.delete', { params: { name: joined.host_id } })
    // The last moment at which somebody takes it.
    nowMs = endMs - 1
    expect(await api.joining.members.wasRemoved(joined.host_id)).toBe(true)
  })

  it('gives nothing more to who was removed while his call waited', async () => {
    const joined = await join((await make()).token)
    using client = await as(joined)
    const { statement } = await client.call('member.state', {})
    const { state: after } = JSON.parse(statement) as { state: string }
    const waiting = expect(
      client.call('member.state', { query: { after, wait: true } }),
    ).rejects.toMatchObject({ code: 'MEMBER_REMOVED' })
    using admin = new ApiClient(await api.admin())
    await admin.call('members.delete', { params: { name: joined.host_id } })
    await waiting
  })

  it('tells all members who was removed, and gives the host id to nobody again', async () => {
    const { token } = await make()
    const removed = await join(token)
    using admin = new ApiClient(await api.admin())
    await admin.call('members.delete', { params: { name: removed.host_id } })
    const back = await join(token, { host_id: removed.host_id })
    expect(back.host_id).not.toBe(removed.host_id)
    using client = await as(back)
    const { state } = await client.call('member.state', {})
    expect(JSON.parse(state ?? '')).toMatchObject({ removed_hosts: [removed.host_id] })
  })

  it('tells a token once, with what an agent needs, and never again', async () => {
    const made = await make({ labels: { a: 'b' } })
    expect(made).toMatchObject({
      ca_pins: [api.authorities.caPin],
      proxy_addr: 'proxy.example.com:3080',
      auth_addr: 'auth.example.com:3025',
    })
    using admin = new ApiClient(await api.admin())
    const { name } = made.resource.metadata
    const told = [
      await admin.call('tokens.list', {}),
      await admin.call('tokens.read', { params: { name } }),
    ]
    expect(JSON.stringify(told)).not.toContain(made.token)
    expect(JSON.stringify(told)).not.toContain(STATIC)
    expect(told[0]).toMatchObject({
      items: [{ status: { static: true } }, { metadata: { name, labels: { a: 'b' } } }],
    })
    expect(Date.parse(made.resource.metadata.expires ?? '') - nowMs).toBe(HOUR_MS)
  })

  it('keeps tokens of the configuration file, and refuses weak, double and long-lived ones', async () => {
    using admin = new ApiClient(await api.admin())
    const [fixed] = (await admin.call('tokens.list', {})).items
    await expect(
      admin.call('tokens.delete', { params: { name: fixed?.metadata.name ?? '' } }),
    ).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(make({ value: 'short' })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    await expect(make({ ttl_ms: 49 * HOUR_MS })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    const value = 'chosen-by-an-administrator'
    expect((await make({ value })).token).toBe(value)
    await expect(make({ value })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    expect(JSON.stringify(api.events)).not.toContain(value)
    expect((await join(STATIC)).services).toEqual(['kube'])
  })
})
