import { randomBytes, X509Certificate } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TOTP } from 'otpauth'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiClient, caPinsOf, readAdminIdentity } from '../../src/client/index.ts'
import { authServerName } from '../../src/protocol/index.ts'
import { generateKeyPair, publicKeyToPem } from '../../src/x509/index.ts'
import { serverCertificate } from '../support/certificates.ts'
import { TestDaemon } from '../support/daemon.ts'
import { findInMemory, openFiles } from '../support/dump.ts'
import type { Finished } from '../support/process.ts'
import { Gateway } from './support/gateway.ts'
import { Person } from './support/person.ts'

const AUTH = authServerName('e2e.example.com')
const STEP_MS = 30_000

/** What a login is made of, and where its result is. */
interface Login {
  readonly name: string
  readonly password: string
  readonly code: string
}

describe('a login, by a gateway that nobody should trust', () => {
  const stack = new AsyncDisposableStack()
  let directory: string
  let daemon: TestDaemon
  let admin: ApiClient
  let hostCa: string
  let pin: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'e2e-blind-login-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    daemon = stack.use(
      await TestDaemon.start({
        kubeconfig: '',
        config: {
          auth_service: { authentication: { type: 'local', second_factor: 'otp' } },
          kubernetes_service: { enabled: false, kubeconfig_file: undefined },
        },
      }),
    )
    const identity = await readAdminIdentity(join(daemon.directory, 'data'))
    admin = stack.use(new ApiClient(identity))
    hostCa = identity.hostCa
    pin = caPinsOf(hostCa)[0] ?? ''
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  const start = (options: Partial<Parameters<typeof Gateway.start>[1]> = {}): Promise<Gateway> =>
    Gateway.start(directory, { servicePort: daemon.ports.web, ...options })

  /** A user whom nobody knows but he, and the auth service by a hash. */
  async function somebody(name: string): Promise<Login> {
    const password = `canary ${randomBytes(12).toString('hex')}`
    await admin.call('users.create', {
      body: { kind: 'user', version: 'v2', metadata: { name }, spec: { roles: ['access'] } },
    })
    const { token } = await admin.call('users.invites.create', {
      params: { name },
      body: { kind: 'invite' },
    })
    const { otp } = await admin.call('invites.describe', { body: { token } })
    const app = new TOTP({ secret: otp?.secret ?? '' })
    const before = app.generate({ timestamp: Date.now() - STEP_MS })
    await admin.call('invites.accept', { body: { token, password, otp: before } })
    return { name, password, code: app.generate() }
  }

  let homes = 0
  async function home(): Promise<Person> {
    homes += 1
    const path = join(directory, `home-${homes}`)
    await mkdir(path)
    return new Person(path)
  }
  const tshLogin = (
    person: Person,
    { name, password, code }: Login,
    port: number,
    ...flags: readonly string[]
  ): Promise<Finished> =>
    person.tshReading(
      `${password}\n${code}\n`,
      'login',
      `--proxy=127.0.0.1:${port}`,
      `--user=${name}`,
      '--password-stdin',
      ...flags,
    )

  /** Outcomes of logins that reached the auth service, oldest first. */
  const logins = async (name: string): Promise<unknown[]> =>
    (await daemon.events('--event=user.login', `--user=${name}`)).map((event) => event['success'])

  async function hasNothing(person: Person): Promise<void> {
    expect(await readdir(join(person.home, '.tsh', 'profiles')).catch(() => [])).toEqual([])
    expect(await readdir(join(person.home, '.kube')).catch(() => [])).toEqual([])
  }

  /** What a gateway must not have. A code alone is six digits, which are in every memory: it stands beside its name. */
  const secretsOf = ({ name, password, code }: Login): Record<string, string> => ({
    'the password': password,
    'the code': `"otp":"${code}"`,
    'the person': `"${name}"`,
  })

  it(`that moves its bytes has neither password, code, key nor certificate in its memory or on its disk`, async () => {
    await using gateway = await start()
    const joe = await somebody('joe-of-the-honest')
    const person = await home()
    expect(await tshLogin(person, joe, gateway.port, `--ca-pin=${pin}`)).toMatchObject({
      code: 0,
    })
    // And once more with the certificate in use.
    expect(await person.tsh('kube', 'ls')).toMatchObject({ code: 0 })
    expect(await logins(joe.name)).toEqual([true])

    const [profile = ''] = await readdir(join(person.home, '.tsh', 'profiles'))
    const path = join(person.home, '.tsh', 'profiles', profile, 'identity.json')
    const identity = JSON.parse(await readFile(path, 'utf8')) as {
      certificate: string
      private_key: string
    }
    const { raw } = new X509Certificate(identity.certificate)
    const line = (pem: string): string => pem.split('\n')[2] ?? ''
    const needles = {
      ...secretsOf(joe),
      'the certificate': line(identity.certificate),
      'the certificate, as TLS shows it': raw.subarray(-64),
      'the private key': line(identity.private_key),
      'where to': AUTH,
    }
    expect(line(identity.private_key)).toHaveLength(64)
    expect(await findInMemory(gateway.process.pid, needles)).toEqual(['where to'])
    const files = await openFiles(gateway.process.pid)
    expect(files.filter((file) => !file.endsWith('.ts'))).toEqual([])
    expect(await readdir(gateway.home)).toEqual([])
  })

  it(`that shows a certificate of its own for the auth service is refused before a word is said`, async () => {
    const pair = await serverCertificate(AUTH)
    await using gateway = await start({ kind: 'middle', pair })
    const ann = await somebody('ann-of-the-middle')
    for (const flags of [[`--ca-pin=${pin}`], ['--insecure']]) {
      const person = await home()
      const refused = await tshLogin(person, ann, gateway.port, ...flags)
      expect(refused).toMatchObject({ code: 1, stdout: '' })
      expect(refused.stderr).toMatch(
        /^tsh: the server at 127\.0\.0\.1:\d+ is not the expected auth service: unable to verify/m,
      )
      await hasNothing(person)
    }
    // Who logged in elsewhere, and is led here by the name that he knows.
    const person = await home()
    const bea = await somebody('bea-of-the-middle')
    expect(await tshLogin(person, bea, daemon.ports.web, `--ca-pin=${pin}`)).toMatchObject({
      code: 0,
    })
    const known = join(person.home, '.tsh', 'known-proxies.json')
    const text = await readFile(known, 'utf8')
    await writeFile(known, text.replaceAll(`:${daemon.ports.web}`, `:${gateway.port}`))
    const led = await tshLogin(person, ann, gateway.port)
    expect(led.code).toBe(1)
    expect(led.stderr).toContain('is not the expected auth service')

    const heard = await gateway.command('heard')
    expect(heard).toContain('GET /v1/login')
    expect(heard).not.toContain('POST')
    const secrets = { ...secretsOf(ann), 'the question': 'GET /v1/login HTTP/1.1' }
    expect(await findInMemory(gateway.process.pid, secrets)).toEqual(['the question'])
    expect(await logins(ann.name)).toEqual([])

    // Whoever trusts its authority is deceived: the gateway does work, and the search would find.
    using deceived = new ApiClient({
      host: '127.0.0.1',
      port: gateway.port,
      serverName: AUTH,
      hostCa: pair.ca,
      certificate: null,
      privateKey: null,
    })
    const { publicKey } = await generateKeyPair()
    await deceived.call('login.create', {
      body: {
        user: ann.name,
        password: ann.password,
        otp: ann.code,
        public_key: publicKeyToPem(publicKey),
      },
    })
    const found = await findInMemory(gateway.process.pid, secrets)
    expect(found).toEqual(Object.keys(secrets).toSorted())
  })

  it('that offers an authority of its own is refused by whoever has a pin or a memory', async () => {
    const pair = await serverCertificate(AUTH)
    const described = await admin.call('login.describe', {})
    await using gateway = await start({ kind: 'middle', pair, hostCa: pair.ca })
    const cid = await somebody('cid-of-the-pin')
    const person = await home()
    const pinned = await tshLogin(person, cid, gateway.port, `--ca-pin=${pin}`)
    expect(pinned.code).toBe(1)
    expect(pinned.stderr).toContain('is not the one that --ca-pin names. Nothing was sent.')
    expect(pinned.stderr).toContain(`offered:  ${caPinsOf(pair.ca)[0] ?? ''}`)
    await hasNothing(person)

    expect(await tshLogin(person, cid, daemon.ports.web, `--ca-pin=${pin}`)).toMatchObject({
      code: 0,
    })
    const known = join(person.home, '.tsh', 'known-proxies.json')
    const text = await readFile(known, 'utf8')
    await writeFile(known, text.replaceAll(`:${daemon.ports.web}`, `:${gateway.port}`))
    for (const flags of [[], ['--insecure']]) {
      const led = await tshLogin(person, cid, gateway.port, ...flags)
      expect(led.code).toBe(1)
      expect(led.stderr).toContain('Somebody may be between you and the server')
      expect(led.stderr).toContain(pin)
    }
    expect(described.host_ca).toBe(hostCa)
    const heard = await gateway.command('heard')
    expect(heard).not.toContain(cid.password)
    expect(await logins(cid.name)).toEqual([true])
  })

  it('that plays a login back gets no second one: the auth service does not even hear it', async () => {
    await using gateway = await start({ kind: 'hostile' })
    const dan = await somebody('dan-of-the-replay')
    expect(await tshLogin(await home(), dan, gateway.port, `--ca-pin=${pin}`)).toMatchObject({
      code: 0,
    })
    const replayed = await gateway.command('replay')
    expect(replayed).toMatch(/replayed \["\d{3,} bytes, closed"/)
    expect(replayed).not.toContain('open')
    expect(await logins(dan.name)).toEqual([true])
  })

  it.each(['body', 'up', 'down'] as const)(
    'that alters what is said (%s) breaks the login, and tsh says that it is',
    async (how) => {
      await using gateway = await start({ kind: 'hostile' })
      const eve = await somebody(`eve-of-${how}`)
      await gateway.command(how)
      const person = await home()
      const broken = await tshLogin(person, eve, gateway.port, `--ca-pin=${pin}`)
      expect(broken).toMatchObject({ code: 1, stdout: '' })
      expect(broken.stderr).toMatch(
        /^tsh: what is said between this machine and 127\.0\.0\.1:\d+ is changed on its way: /m,
      )
      expect(broken.stderr).not.toContain(eve.password)
      await hasNothing(person)
      expect(await logins(eve.name)).toEqual([])
    },
  )
})
