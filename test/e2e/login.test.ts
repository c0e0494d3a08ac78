import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { TOTP } from 'otpauth'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiClient, caPinsOf, readAdminIdentity } from '../../src/client/index.ts'
import { TestDaemon } from '../support/daemon.ts'
import { freePort } from '../support/free-port.ts'
import type { Finished } from '../support/process.ts'
import { Person } from './support/person.ts'

const PASSWORD = 'eleven quiet rowing boats'
const STEP_MS = 30_000
const TEN_MINUTES_MS = 10 * 60_000
const SHORTEST_LINK = '1m'
/** One answer for all: who hears it knows neither what was wrong nor whether there is such a person. */
const REFUSED = 'tsh: login refused: user name, password or one-time code is wrong'

/** A local user, and the app that shows his codes. */
interface User {
  readonly name: string
  readonly app: TOTP
}

describe('tsh login, with a password and a code', () => {
  let directory: string
  let daemon: TestDaemon
  let pin: string
  let admin: ApiClient
  let late: { readonly link: string; readonly over: number }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'e2e-login-'))
    daemon = await startDaemon()
    pin = await pinOf(daemon)
    admin = new ApiClient(await readAdminIdentity(join(daemon.directory, 'data')))
    // Looked at again at the end, when it is over.
    const added = await daemon.tctl(
      'users',
      'add',
      'late',
      '--roles=access',
      `--ttl=${SHORTEST_LINK}`,
    )
    // From when it was certainly made.
    const over = Date.now() + 60_000
    late = { link: /https:\/\/\S+/.exec(added)?.[0] ?? '', over }
  })
  afterAll(async () => {
    admin[Symbol.dispose]()
    await daemon[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const startDaemon = (env: Readonly<Record<string, string>> = {}): Promise<TestDaemon> =>
    TestDaemon.start({
      kubeconfig: '',
      config: {
        auth_service: { authentication: { type: 'local', second_factor: 'otp' } },
        kubernetes_service: { enabled: false, kubeconfig_file: undefined },
      },
      env,
    })

  /** As `tctl status` shows it, which believes clocks. */
  async function pinOf(of: TestDaemon): Promise<string> {
    const { hostCa } = await readAdminIdentity(join(of.directory, 'data'))
    return caPinsOf(hostCa)[0] ?? ''
  }

  /** Whose link was used with the code of just before, so that the one of now is good. */
  async function user(name: string, client = admin): Promise<User> {
    await client.call('users.create', {
      body: { kind: 'user', version: 'v2', metadata: { name }, spec: { roles: ['access'] } },
    })
    const { token } = await client.call('users.invites.create', {
      params: { name },
      body: { kind: 'invite' },
    })
    const { otp } = await client.call('invites.describe', { body: { token } })
    const app = new TOTP({ secret: otp?.secret ?? '' })
    const code = app.generate({ timestamp: Date.now() - STEP_MS })
    await client.call('invites.accept', { body: { token, password: PASSWORD, otp: code } })
    return { name, app }
  }

  let people = 0
  async function somebody(): Promise<Person> {
    people += 1
    const home = join(directory, `home-${people}`)
    await mkdir(home)
    return new Person(home)
  }

  const login = (
    person: Person,
    as: string,
    secrets: readonly [password: string, code: string],
    ...flags: readonly string[]
  ): Promise<Finished> =>
    person.tshReading(
      `${secrets.join('\n')}\n`,
      'login',
      `--proxy=127.0.0.1:${daemon.ports.web}`,
      `--user=${as}`,
      `--ca-pin=${pin}`,
      '--password-stdin',
      ...flags,
    )

  const failures = async (name: string): Promise<unknown[]> =>
    (await daemon.events('--event=user.login', `--user=${name}`)).map(
      (event) => event['error_code'],
    )

  /** Nothing that could be taken for a login is left behind. */
  async function hasNothing(person: Person): Promise<void> {
    expect(await readdir(join(person.home, '.tsh', 'profiles')).catch(() => [])).toEqual([])
    expect(await readdir(join(person.home, '.kube')).catch(() => [])).toEqual([])
    expect(await person.tsh('status')).toMatchObject({ code: 4 })
  }

  it('takes both, and neither a wrong password, nor a wrong code, nor a name that nobody has', async () => {
    const joe = await user('joe')
    const somewhere = await somebody()
    const right = joe.app.generate()
    const wrong = String((Number(right) + 500_000) % 1_000_000).padStart(6, '0')
    for (const [name, password, code] of [
      ['joe', `${PASSWORD}.`, right],
      ['joe', PASSWORD, wrong],
      ['nobody', PASSWORD, right],
    ] as const) {
      expect(await login(somewhere, name, [password, code])).toMatchObject({
        code: 4,
        stdout: '',
        // No word of logging in "again": he just did.
        stderr: expect.stringMatching(new RegExp(`^${REFUSED}[^\n]*\n$`)) as string,
      })
    }
    await hasNothing(somewhere)
    expect(await failures('joe')).toEqual(['LOGIN_REFUSED', 'LOGIN_REFUSED'])
    expect(await login(somewhere, 'joe', [PASSWORD, joe.app.generate()])).toMatchObject({ code: 0 })
  })

  it('takes a code once: who looked over a shoulder has nothing of it', async () => {
    const ann = await user('ann')
    const code = ann.app.generate()
    expect(await login(await somebody(), 'ann', [PASSWORD, code])).toMatchObject({ code: 0 })
    const thief = await somebody()
    const replayed = await login(thief, 'ann', [PASSWORD, code])
    expect(replayed).toMatchObject({ code: 4 })
    expect(replayed.stderr).toContain(REFUSED)
    await hasNothing(thief)
    expect(await failures('ann')).toEqual(['LOGIN_REFUSED', undefined])
  })

  it('takes no code of a phone whose clock is ten minutes off', async () => {
    const bob = await user('bob')
    for (const offMs of [-TEN_MINUTES_MS, TEN_MINUTES_MS]) {
      const code = bob.app.generate({ timestamp: Date.now() + offMs })
      const refused = await login(await somebody(), 'bob', [PASSWORD, code])
      expect(refused.stderr).toContain(REFUSED)
    }
  })

  it('tells a locked user so, and until when; only himself, and not for longer than it lasts', async () => {
    const cid = await user('cid')
    const printed = await daemon.tctl('lock', '--user=cid', '--message=badge lost', '--ttl=1h')
    const name = /^lock "([^"]+)" created/.exec(printed)?.[1] ?? ''
    const somewhere = await somebody()
    const stranger = await login(somewhere, 'cid', ['a guess that is wrong', cid.app.generate()])
    expect(stranger.stderr).toContain(REFUSED)
    expect(stranger.stderr).not.toContain('locked')
    const refused = await login(somewhere, 'cid', [PASSWORD, cid.app.generate()])
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toMatch(/tsh: you are locked out until \d{4}-.*Z: badge lost/)
    await hasNothing(somewhere)
    await daemon.tctl('rm', `lock/${name}`)
    await expect
      .poll(
        async () => {
          const code = cid.app.generate({ timestamp: Date.now() + STEP_MS })
          return (await login(somewhere, 'cid', [PASSWORD, code])).code
        },
        // A code that came too early counts as used, and wrong ones as attempts.
        { interval: 10_000, timeout: 120_000 },
      )
      .toBe(0)
  })

  it('takes no sixth attempt for a while, even a right one, and says for how long', async () => {
    const dan = await user('dan')
    const somewhere = await somebody()
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const refused = await login(somewhere, 'dan', [`guess ${attempt}`, '000000'])
      expect(refused.stderr).toContain(REFUSED)
    }
    const throttled = await login(somewhere, 'dan', [PASSWORD, dan.app.generate()])
    expect(throttled.code).not.toBe(0)
    expect(throttled.stderr).toMatch(/tsh: too many attempts: try again in \d+s/)
    await hasNothing(somewhere)
    expect((await failures('dan'))[0]).toBe('LOGIN_THROTTLED')
  })

  it.each([
    { off: 'ahead of', offMs: -TEN_MINUTES_MS },
    { off: 'behind', offMs: TEN_MINUTES_MS },
  ])('a clock that is ten minutes $off the server’s is named, with what to do', async (given) => {
    const clock = resolve(import.meta.dirname, '../support/shifted-clock.ts')
    const there = await startDaemon({
      NODE_OPTIONS: `--import=${clock}`,
      TELEPORT_TEST_CLOCK_MS: String(given.offMs),
    })
    try {
      const somewhere = await somebody()
      const trusted = await pinOf(there)
      const got = await somewhere.tshReading(
        'whatever is typed\n123456\n',
        'login',
        `--proxy=127.0.0.1:${there.ports.web}`,
        '--user=eve',
        `--ca-pin=${trusted}`,
        '--password-stdin',
      )
      expect(got.code).not.toBe(0)
      expect(got.stderr).toMatch(
        new RegExp(`^tsh: the clock of this machine is (10m\\d|9m5\\d)s ${given.off} the server's`),
      )
      expect(got.stderr).toContain('set the clock right')
    } finally {
      await there[Symbol.asyncDispose]()
    }
  })

  it('a link that has ended makes nobody a user', async () => {
    const somewhere = await somebody()
    await new Promise((done) => setTimeout(done, Math.max(0, late.over - Date.now()) + 500))
    const used = await somewhere.tshReading(
      `${PASSWORD}\n`,
      'invite',
      late.link,
      `--ca-pin=${pin}`,
      '--password-stdin',
    )
    expect(used.code).not.toBe(0)
    expect(used.stderr).toMatch(/^tsh: .*(link|invit)/)
    const refused = await login(somewhere, 'late', [PASSWORD, '123456'])
    expect(refused.stderr).toContain(REFUSED)
    await hasNothing(somewhere)
  })

  it('a proxy that is down, and a place where nobody can be asked', async () => {
    const somewhere = await somebody()
    const port = await freePort()
    const down = await somewhere.tsh('login', `--proxy=127.0.0.1:${port}`, '--user=joe')
    expect(down).toMatchObject({ code: 1 })
    expect(down.stderr).toContain(`tsh: cannot reach the proxy at 127.0.0.1:${port}`)
    const at = `--proxy=127.0.0.1:${daemon.ports.web}`
    const silent = await somewhere.tsh('login', at, '--user=joe', `--ca-pin=${pin}`)
    expect(silent).toMatchObject({ code: 1 })
    expect(silent.stderr).toContain('the first line of stdin is the password, the second the')
    await hasNothing(somewhere)
  })
})
