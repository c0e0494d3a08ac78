import { readdir, readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { Secret } from 'otpauth'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiClient, type ApiConnection, readAdminIdentity } from '../../../src/client/index.ts'
import { generateKeyPair, publicKeyToPem } from '../../../src/x509/index.ts'
import { TestDaemon } from '../../support/daemon.ts'
import { Person } from '../../support/tsh.ts'
import { codeAt, PASSWORD } from '../api/support/people.ts'

/** The real daemon and the real commands, without Kubernetes. */
describe('a local user of a running daemon', () => {
  let daemon: TestDaemon
  let connection: ApiConnection
  beforeAll(async () => {
    daemon = await TestDaemon.start({
      kubeconfig: '',
      config: {
        teleport: { log: { severity: 'DEBUG', output: 'stderr' } },
        kubernetes_service: { enabled: false, kubeconfig_file: undefined },
      },
    })
    connection = await readAdminIdentity(join(daemon.directory, 'data'))
  })
  afterAll(() => daemon[Symbol.asyncDispose]())

  const web = (path: string, body: object): Promise<{ status: number; body: unknown }> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: daemon.ports.web,
          path,
          method: 'POST',
          ca: connection.hostCa,
          headers: { 'content-type': 'application/json' },
          agent: false,
        },
        (response) => {
          let text = ''
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString()
          })
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as unknown }),
          )
        },
      )
      outgoing.on('error', reject)
      outgoing.end(JSON.stringify(body))
    })

  /** Every byte that the daemon keeps, and every line that it logged. */
  async function everythingKept(): Promise<string> {
    const entries = await readdir(join(daemon.directory, 'data'), {
      recursive: true,
      withFileTypes: true,
    })
    const files = entries.filter((entry) => entry.isFile())
    const texts = await Promise.all(
      files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1')),
    )
    return [...texts, daemon.process.stdout, daemon.process.stderr].join('\n')
  }

  it('types a password that is too short once, and uses up no code with it', async () => {
    const added = JSON.parse(
      await daemon.tctl('users', 'add', 'ann', '--roles=access', '--format=json'),
    ) as { invite: { url: string } }[]
    const status = JSON.parse(await daemon.tctl('status', '--format=json')) as { ca_pins: string[] }
    await using ann = await Person.arrive()
    const { asked, err } = await ann.tshAnswering(
      ['short', PASSWORD, 'another'],
      'invite',
      added[0]?.invite.url ?? '',
      `--ca-pin=${status.ca_pins[0]}`,
    )
    const [first, ...others] = asked.map((question) => question.split(',')[0])
    expect([first, ...others]).toEqual([
      'New password',
      'New password',
      'The same again: ',
      'New password',
    ])
    expect(err).toContain('tsh: the password has fewer than 12 characters')
    expect(err).toContain('tsh: the two are not the same')
  })

  it('comes from the link of an administrator to a certificate, and leaves no secret behind', async () => {
    const added = JSON.parse(
      await daemon.tctl('users', 'add', 'joe', '--roles=access', '--format=json'),
    ) as { invite: { token: string; url: string } }[]
    const { token = '', url = '' } = added[0]?.invite ?? {}
    expect(url).toBe(`https://127.0.0.1:${daemon.ports.web}/web/invite/${token}`)

    const described = await web('/webapi/invites/describe', { token })
    const { otp } = described.body as { otp: { secret: string } }
    const link = codeAt(otp.secret, Date.now() - 30_000)
    expect(
      await web('/webapi/invites/accept', { token, password: PASSWORD, otp: link }),
    ).toMatchObject({ status: 200, body: { user: 'joe' } })
    expect(await web('/webapi/invites/describe', { token })).toMatchObject({ status: 404 })

    // A stranger, as far as TLS goes: the certificate of the administrator plays no part in a login.
    using client = new ApiClient(connection)
    const { publicKey } = await generateKeyPair()
    const code = codeAt(otp.secret, Date.now())
    const login = (password: string): Promise<{ user: string }> =>
      client.call('login.create', {
        body: { user: 'joe', password, otp: code, public_key: publicKeyToPem(publicKey) },
      })
    await expect(login('not-the-password')).rejects.toMatchObject({ code: 'LOGIN_REFUSED' })
    expect(await login(PASSWORD)).toMatchObject({ user: 'joe', roles: ['access'] })
    await expect(login(PASSWORD)).rejects.toMatchObject({ code: 'LOGIN_REFUSED' })

    const events = await daemon.events('--event=user.login')
    expect(events.map(({ code: eventCode }) => eventCode)).toEqual(['T1000W', 'T1000I', 'T1000W'])
    expect(await daemon.tctl('users', 'ls')).toMatch(/^joe .*\d{4}-\d\d-\d\dT/m)

    const written = await daemon.tctl('get', 'users/joe')
    expect(written).toContain('last_login:')
    expect(await daemon.tryTctl(['create', '-f'], written)).toMatchObject({ code: 0 })

    await daemon.stop()
    const kept = await everythingKept()
    expect(kept).toContain('$argon2id$')
    expect(kept).toContain('T1000W')
    const secret = Buffer.from(Secret.fromBase32(otp.secret).bytes)
    for (const needle of [
      PASSWORD,
      'not-the-password',
      token,
      otp.secret,
      secret.toString('latin1'),
      secret.toString('hex'),
      secret.toString('base64'),
    ]) {
      expect(kept.includes(needle), needle).toBe(false)
    }
  })
})
