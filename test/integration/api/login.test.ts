import { X509Certificate } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPeerParser } from '../../../src/ca/index.ts'
import { ApiClient } from '../../../src/client/index.ts'
import { endpoints, type ResponseOf } from '../../../src/contract/index.ts'
import type { UserIdentity } from '../../../src/identity/index.ts'
import { generateKeyPair, publicKeyToPem } from '../../../src/x509/index.ts'
import { PASSWORD, type Person, signUp, TestClock } from './support/people.ts'
import { CLUSTER, call, TestApi } from './support/test-api.ts'

const HOUR_MS = 3_600_000
const REFUSED = { status: 401, body: { error: { code: 'LOGIN_REFUSED' } } }
const THROTTLED = { status: 429, body: { error: { code: 'LOGIN_THROTTLED' } } }

type Answer = Awaited<ReturnType<typeof call>>

let clock: TestClock
let api: TestApi
let joe: Person
let keys: { readonly privateKey: string; readonly publicKey: string }

beforeEach(async () => {
  clock = new TestClock()
  api = await TestApi.start({ clock })
  joe = await signUp(api, clock, 'joe')
  const { privateKey, publicKey } = await generateKeyPair()
  keys = {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: publicKeyToPem(publicKey),
  }
})
afterEach(() => api[Symbol.asyncDispose]())

const login = async (fields: object = {}): Promise<Answer> =>
  call(await api.bare(), endpoints['login.create'], {
    user: 'joe',
    password: PASSWORD,
    otp: joe.code(),
    public_key: keys.publicKey,
    ...fields,
  })

/** Logs in, and gives what the certificate says. */
async function loggedIn(fields: object = {}): Promise<{
  answer: ResponseOf<'login.create'>
  identity: UserIdentity
}> {
  const { status, body } = await login(fields)
  expect(body).toHaveProperty('certificate')
  expect(status).toBe(200)
  const answer = body as ResponseOf<'login.create'>
  const parser = createPeerParser({
    trust: () => api.authorities.trust(),
    teleportCluster: CLUSTER,
    accept: ['user'],
  })
  const verdict = parser.parse(new X509Certificate(answer.certificate).raw).judge(clock.now())
  if (!verdict.ok || verdict.identity.kind !== 'user')
    throw new Error('not a certificate of a user')
  return { answer, identity: verdict.identity }
}

const as = async (certificate: string): Promise<ApiClient> =>
  new ApiClient({ ...(await api.bare()), certificate, privateKey: keys.privateKey })

const setRoles = async (roles: string[]): Promise<void> => {
  const user = await api.stores.users.read('joe')
  await api.stores.users.upsert({ ...user, spec: { ...user.spec, roles } })
  await expect.poll(() => api.access.current().users.get('joe')?.roles).toEqual(roles)
}
const putRole = async (name: string, spec: object): Promise<void> => {
  await api.stores.roles.upsert({ kind: 'role', version: 'v7', metadata: { name }, spec })
  await expect.poll(() => api.access.current().roles.has(name)).toBe(true)
}
const logins = (): unknown[] => api.events.filter(({ event }) => event === 'user.login')

describe('logging in', () => {
  it('tells anybody what is needed for it', async () => {
    const answer = await call(await api.bare(), endpoints['login.describe'])
    expect(answer).toMatchObject({
      status: 200,
      body: {
        cluster_name: CLUSTER,
        second_factor: 'otp',
        time: new Date(clock.now()).toISOString(),
        host_ca: api.authorities.hostCaPem,
        kube_addr: 'kube.example.com:3026',
      },
    })
  })

  it('gives a certificate for password and code, which says who and how', async () => {
    const { answer, identity } = await loggedIn()
    expect(identity).toMatchObject({
      user: 'joe',
      roles: ['access'],
      login: 'local',
      issuedAtMs: clock.now(),
      pinnedAddress: null,
    })
    expect(answer).toMatchObject({ user: 'joe', ttl_ms: 12 * HOUR_MS, capped_by: null })
    expect(logins().at(-1)).toMatchObject({
      code: 'T1000I',
      user: 'joe',
      user_roles: ['access'],
      success: true,
      method: 'local',
    })
    expect(api.events.at(-1)).toMatchObject({ event: 'cert.create', user: 'joe' })
  })

  it('makes the person known to himself, as of now', async () => {
    await api.kubeClusters.announce('h', [
      {
        name: 'prod',
        serverName: 'prod.kube.test',
        labels: { env: 'prod' },
        unknownLabels: [],
        health: 'healthy',
        problem: null,
        sinceMs: 0,
        kubernetesVersion: null,
        version: '0.0.0',
        address: null,
      },
    ])
    await putRole('wide', {
      allow: {
        kubernetes_labels: { '*': '*' },
        kubernetes_groups: ['dev'],
        kubernetes_users: ['j'],
      },
    })
    await setRoles(['access', 'wide'])
    const { answer } = await loggedIn()
    using client = await as(answer.certificate)
    const self = await client.call('self.read', {})
    expect(self).toMatchObject({
      user: 'joe',
      roles: ['access', 'wide'],
      expires: answer.expires,
      teleport_cluster: CLUSTER,
      kube_clusters: [
        {
          metadata: { name: 'prod' },
          access: { kubernetes_users: ['j'], default_user: 'j' },
        },
      ],
    })
    expect(self.kube_clusters[0]?.access.kubernetes_groups).toContain('dev')
    await setRoles(['access'])
    const less = await client.call('self.read', {})
    expect(less.roles).toEqual(['access'])
    expect(less.kube_clusters[0]?.access.kubernetes_groups ?? []).not.toContain('dev')
  })

  it.each([
    ['a wrong password', { password: `${PASSWORD}!` }],
    ['a wrong code', { otp: '000000' }],
    ['no code', { otp: undefined }],
    ['a name that does not exist', { user: 'eve' }],
    ['a user who has no password', { user: 'jenkins' }],
    ['a name that is none', { user: '../joe' }],
  ])('is refused with %s, in the same words and by the same event', async (_what, fields) => {
    await api.as('jenkins', ['access'])
    const reference = await login({ password: 'not the password' })
    const [expected] = logins().slice(-1) as Record<string, unknown>[]
    const answer = await login(fields)
    expect(answer).toMatchObject(REFUSED)
    expect(answer.body).toEqual(reference.body)
    expect(Object.keys(answer.headers)).toEqual(Object.keys(reference.headers))
    const [event] = logins().slice(-1) as Record<string, unknown>[]
    expect(Object.keys(event ?? {})).toEqual(Object.keys(expected ?? {}))
    expect({ ...event, user: '', uid: '', time: '', 'addr.remote': '' }).toEqual({
      ...expected,
      user: '',
      uid: '',
      time: '',
      'addr.remote': '',
    })
    expect(event).toMatchObject({ code: 'T1000W', success: false, error_code: 'LOGIN_REFUSED' })
  })

  it('does not write down what is no name, since it may be a password', async () => {
    await login({ user: 'my secret/password' })
    expect(logins().at(-1)).toMatchObject({ user: '' })
    await login({ user: 'eve' })
    expect(logins().at(-1)).toMatchObject({ user: 'eve' })
  })

  it('takes a code once, and none that is older', async () => {
    const earlier = joe.code()
    clock.advance(30_000)
    const otp = joe.code()
    await loggedIn({ otp })
    expect(await login({ otp })).toMatchObject(REFUSED)
    expect(await login({ otp: earlier })).toMatchObject(REFUSED)
    clock.advance(30_000)
    await loggedIn()
  })

  it('neither uses a code up nor tells of a login for a key that cannot be certified', async () => {
    const before = logins().length
    expect(await login({ public_key: 'x' })).toMatchObject({
      status: 400,
      body: { error: { code: 'BAD_REQUEST' } },
    })
    expect(logins()).toHaveLength(before)
    await loggedIn()
  })

  it('takes the code of the invitation no second time', async () => {
    clock.advance(-30_000)
    expect(await login()).toMatchObject(REFUSED)
  })

  it('lets one of two with the same code win', async () => {
    const otp = joe.code()
    const both = await Promise.all([login({ otp }), login({ otp })])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 401])
  })

  it('takes a clock that is half a minute off, and not one that is ten minutes off', async () => {
    clock.advance(60_000)
    const otp = joe.code()
    clock.advance(-30_000)
    await loggedIn({ otp })
    clock.advance(10 * 60_000)
    const later = joe.code()
    clock.advance(-10 * 60_000)
    expect(await login({ otp: later })).toMatchObject(REFUSED)
  })

  it.each([
    ['an unknown field', { passwort: 'x' }],
    ['a password that is too long', { password: 'x'.repeat(1025) }],
    ['a user that is no text', { user: { name: 'joe' } }],
    ['no public key', { public_key: undefined }],
    ['a life that is none', { ttl_ms: 0 }],
  ])('judges the body before anything else: %s', async (_what, fields) => {
    const answer = await login(fields)
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST' } } })
    expect(JSON.stringify(answer.body)).not.toContain(PASSWORD)
  })

  it('gives nothing that is not in the audit log', async () => {
    api.spoolFails = true
    for (const fields of [{}, { password: 'wrong' }]) {
      expect(await login(fields)).toMatchObject({
        status: 503,
        body: { error: { code: 'AUDIT_UNAVAILABLE' } },
      })
    }
  })

  it('lives as long as the shortest of the roles says', async () => {
    await putRole('short', { options: { max_session_ttl: '1h' } })
    await setRoles(['access', 'short'])
    const { answer } = await loggedIn({ ttl_ms: 8 * HOUR_MS })
    expect(answer).toMatchObject({ ttl_ms: HOUR_MS, capped_by: 'short' })
  })

  it('lives for 30 hours at most where no role says how long, and longer where one does', async () => {
    expect((await loggedIn({ ttl_ms: 8760 * HOUR_MS })).answer.ttl_ms).toBe(30 * HOUR_MS)
    await putRole('long', { options: { max_session_ttl: '100h' } })
    await setRoles(['access', 'long'])
    clock.advance(30_000)
    expect((await loggedIn({ ttl_ms: 8760 * HOUR_MS })).answer.ttl_ms).toBe(100 * HOUR_MS)
  })

  it('binds the certificate to the address when a role asks for that', async () => {
    await putRole('pinned', { options: { pin_source_ip: true } })
    await setRoles(['access', 'pinned'])
    api.address = '2001:db8::7'
    const { answer, identity } = await loggedIn()
    expect(identity.pinnedAddress).toBe('2001:db8::7')
    using here = await as(answer.certificate)
    await here.call('self.read', {})
    api.address = '2001:db8::8'
    using elsewhere = await as(answer.certificate)
    await expect(elsewhere.call('self.read', {})).rejects.toMatchObject({ code: 'ADDRESS_PINNED' })
  })

  it('tells a person that he is locked out, once he has proven who he is', async () => {
    await api.stores.locks.create({
      kind: 'lock',
      version: 'v2',
      metadata: { name: 'holiday' },
      spec: { target: { user: 'joe' }, message: 'back on monday' },
    })
    await expect
      .poll(() => api.access.current().locks.inForce('joe', [], clock.now()))
      .not.toBeNull()
    expect(await login({ password: 'wrong' })).toMatchObject(REFUSED)
    const answer = await login()
    expect(answer).toMatchObject({ status: 403, body: { error: { code: 'LOCKED' } } })
    expect(JSON.stringify(answer.body)).toContain('back on monday')
    expect(logins().at(-1)).toMatchObject({ success: false, error_code: 'LOCKED' })
  })

  it('is over for a user who was deleted, also when there is a new one of his name', async () => {
    const link = await api.invite('joe', 'invite')
    using admin = new ApiClient(await api.admin())
    await admin.call('users.delete', { params: { name: 'joe' } })
    expect(await login()).toMatchObject(REFUSED)
    await api.as('joe', ['access'])
    expect(await login()).toMatchObject(REFUSED)
    const described = await api.strangers.call(
      'invites.describe',
      { token: link.token },
      '192.0.2.7:1',
    )
    expect(described).toMatchObject({ status: 404 })
  })

  it('is no login of whoever was given the name in the meantime', async () => {
    const find = api.stores.users.find.bind(api.stores.users)
    api.stores.users.find = async (name) => {
      api.stores.users.find = find
      const user = await find(name)
      clock.advance(1)
      await api.stores.users.delete(name)
      if (user !== null) await api.stores.users.create(user)
      return find(name)
    }
    expect(await login()).toMatchObject(REFUSED)
    expect(api.stores.users.find).toBe(find)
  })

  it('needs no code where the second factor is off', async () => {
    await using open = await TestApi.start({ clock, secondFactor: 'off' })
    await signUp(open, clock, 'pat')
    const bare = await open.bare()
    const body = { user: 'pat', password: PASSWORD, public_key: keys.publicKey }
    expect(await call(bare, endpoints['login.create'], body)).toMatchObject({ status: 200 })
    expect(
      await call(bare, endpoints['login.create'], { ...body, password: 'wrong' }),
    ).toMatchObject(REFUSED)
  })
})

describe('lockout', () => {
  const wrong = (user: string): Promise<Answer> => login({ user, password: 'wrong' })

  it.each(['joe', 'eve'])(
    'takes no sixth attempt for %s, right or wrong, until a while has passed',
    async (user) => {
      for (let tries = 0; tries < 5; tries += 1) expect(await wrong(user)).toMatchObject(REFUSED)
      const late = await login({ user })
      expect(late).toMatchObject(THROTTLED)
      expect(late.body).toMatchObject({ error: { message: 'too many attempts: try again in 30s' } })
      expect(logins().at(-1)).toMatchObject({ success: false, error_code: 'LOGIN_THROTTLED', user })
      clock.advance(30_000)
      expect(await login({ user })).toMatchObject(user === 'joe' ? { status: 200 } : REFUSED)
      // Whoever proved himself begins anew; who did not waits for twice as long.
      expect(await wrong(user)).toMatchObject(user === 'joe' ? REFUSED : THROTTLED)
    },
  )

  it('says in a header how long to wait', async () => {
    for (let tries = 0; tries < 5; tries += 1) await wrong('joe')
    const answer = await call(await api.bare(), endpoints['login.create'], {
      user: 'joe',
      password: PASSWORD,
      public_key: keys.publicKey,
    })
    expect(answer.headers['retry-after']).toBe('30')
  })

  it('slows an address down over all names, and leaves other addresses alone', async () => {
    for (let tries = 0; tries < 20; tries += 1)
      expect(await wrong(`user-${tries}`)).toMatchObject(REFUSED)
    expect(await login()).toMatchObject(THROTTLED)
    api.address = '192.0.2.99'
    await loggedIn()
  })

  it('takes five of many at once', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => wrong('joe')))
    expect(answers.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(5)
    expect(await login()).toMatchObject(THROTTLED)
  })

  it('is shown to administrators, and ended by a reset', async () => {
    using admin = new ApiClient(await api.admin())
    const status = async (): Promise<unknown> =>
      (await admin.call('users.read', { params: { name: 'joe' } })).status
    expect(await status()).toEqual({ password_set: true })
    for (let tries = 0; tries < 5; tries += 1) await wrong('joe')
    expect(await status()).toEqual({
      password_set: true,
      locked_until: new Date(clock.now() + 30_000).toISOString(),
    })
    joe = await signUp(api, clock, 'joe', ['access'], 'reset')
    expect(await status()).toEqual({ password_set: true })
    await loggedIn()
    expect(await status()).toEqual({
      password_set: true,
      last_login: new Date(clock.now()).toISOString(),
    })
  })

  it('does not fill the audit log', async () => {
    const before = api.events.length
    for (let tries = 0; tries < 100; tries += 1) await wrong('eve')
    expect(api.events.length - before).toBeLessThan(65)
  })
})
