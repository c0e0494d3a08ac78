import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { FakeTeleport, hostAuthority } from '../../support/fake-teleport.ts'
import { freePort } from '../../support/free-port.ts'
import { Person, type Ran } from '../../support/tsh.ts'

const PASSWORD = 'correct horse battery'

let teleport: FakeTeleport
let joe: Person
beforeEach(async () => {
  teleport = await FakeTeleport.start()
  joe = await Person.arrive()
})
afterEach(async () => {
  await joe[Symbol.asyncDispose]()
  await teleport[Symbol.asyncDispose]()
})

/** Where the fake is, and who somebody is. */
const at = (): string[] => [`--proxy=${teleport.proxy}`, '--user=joe']
const pin = (): string => `--ca-pin=${teleport.is.authority.pin}`
const login = (...flags: string[]): Promise<Ran> =>
  joe.tshAnswering([PASSWORD], 'login', ...at(), pin(), ...flags)
const passwords = (): unknown[] =>
  teleport.to('/v1/login').flatMap(({ body }) => (body === null ? [] : [body['password']]))

interface Kubeconfig {
  readonly 'current-context': string
  readonly contexts: { readonly name: string; readonly context: Record<string, unknown> }[]
  readonly users: { readonly name: string; readonly user: Record<string, unknown> }[]
}
const kubeconfig = async (): Promise<Kubeconfig> => parse(await joe.kubeconfig()) as Kubeconfig

describe('tsh login', () => {
  it('asks for what is missing, and says who one is then', async () => {
    teleport.is.secondFactor = 'otp'
    const { code, out, err, asked } = await joe.tshAnswering(
      ['joe', 'yes', PASSWORD, ' 123 456 '],
      'login',
      `--proxy=${teleport.proxy}`,
    )
    expect(err).toBe(
      [
        `The authority of ${teleport.proxy} (Teleport cluster "example.com") is not known on this machine yet.`,
        `Its CA pin is ${teleport.is.authority.pin}.`,
        'tsh: the kubeconfig has a context for you; the current context is "example.com-prod"',
        '',
      ].join('\n'),
    )
    expect(code).toBe(0)
    expect(asked).toEqual([
      'User: ',
      'Is that what "tctl status" shows on the auth service? (yes/no, or paste the pin) ',
      'Password for joe: ',
      'One-time code: ',
    ])
    expect(out).toMatch(
      new RegExp(
        [
          `> Proxy: +${teleport.proxy}`,
          '  Logged in as: +joe',
          '  Cluster: +example.com',
          '  Roles: +access',
          '  Traits: +kubernetes_groups: devs',
          '  Kubernetes clusters: +prod',
          '  Kubernetes users: +joe',
          '  Kubernetes groups: +devs',
          '  Valid until: +\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ \\(in 1[12]h.*\\)\n$',
        ].join('\n'),
      ),
    )
  })

  it('sends the public half of a key and nothing else of it', async () => {
    expect((await login('--ttl=90')).code).toBe(0)
    const [, sent] =
      teleport.to('/v1/login').filter(({ body }) => body !== null).length === 1
        ? [null, teleport.to('/v1/login').find(({ body }) => body !== null)]
        : []
    expect(Object.keys(sent?.body ?? {}).sort()).toEqual([
      'password',
      'public_key',
      'ttl_ms',
      'user',
    ])
    expect(sent?.body).toMatchObject({ user: 'joe', password: PASSWORD, ttl_ms: 90 * 60_000 })
    expect(sent?.body?.['public_key']).toMatch(/^-----BEGIN PUBLIC KEY-----/)
    expect(JSON.stringify(teleport.seen)).not.toContain('PRIVATE')
  })

  it('keeps everything to its owner, and writes a kubeconfig that runs the script', async () => {
    await login()
    const tsh = join(joe.home, '.tsh')
    const found = await readdir(tsh, { recursive: true, withFileTypes: true })
    for (const entry of found) {
      const { mode } = await stat(join(entry.parentPath, entry.name))
      const wanted = entry.isDirectory() || entry.name === 'kube-credentials' ? 0o700 : 0o600
      expect([entry.name, mode & 0o777]).toEqual([entry.name, wanted])
    }
    expect((await stat(tsh)).mode & 0o777).toBe(0o700)
    expect((await stat(joe.kubeconfigPath)).mode & 0o777).toBe(0o600)

    const { users, contexts, 'current-context': current } = await kubeconfig()
    expect(current).toBe('example.com-prod')
    expect(contexts.map(({ name }) => name)).toEqual(['example.com-prod'])
    const exec = users[0]?.user['exec'] as { command: string; args: string[] }
    expect(exec).toMatchObject({
      apiVersion: 'client.authentication.k8s.io/v1beta1',
      args: [
        `--proxy=${teleport.proxy}`,
        '--user=joe',
        '--teleport-cluster=example.com',
        '--kube-cluster=prod',
      ],
      interactiveMode: 'IfAvailable',
      provideClusterInfo: false,
    })
    const { stdout } = await promisify(execFile)(exec.command, exec.args)
    const { apiVersion, status } = JSON.parse(stdout) as {
      apiVersion: string
      status: Record<string, string>
    }
    expect(apiVersion).toBe('client.authentication.k8s.io/v1beta1')
    expect(status['clientCertificateData']).toContain('BEGIN CERTIFICATE')
    expect(status['clientKeyData']).toContain('BEGIN EC PRIVATE KEY')
  })

  it('returns at once while the login is good, and makes it the current one', async () => {
    await login()
    const again = await joe.tsh('login', ...at())
    expect(again.code).toBe(0)
    expect(again.err).toMatch(/^tsh: already logged in as joe, until .*Z \(in 1[12]h.*\)\n/)
    expect(passwords()).toEqual([PASSWORD])
    // Names of proxy and user are known by now.
    expect((await joe.tsh('login')).code).toBe(0)
  })

  it('does not take a good login for an answer when a pin is to be checked', async () => {
    await login()
    const wrong = await joe.tsh('login', `--ca-pin=sha256:${'0'.repeat(64)}`)
    expect(wrong.code).toBe(1)
    expect(wrong.err).toContain('is not the one that --ca-pin names')
    expect((await joe.tsh('login', pin())).err).toContain('already logged in')
  })

  it('enters clusters that came, and takes out those that went', async () => {
    await login()
    teleport.is.kubeClusters = [{ name: 'staging' }, { name: 'test' }]
    const again = await joe.tsh('login')
    expect(again.err).toContain('2 contexts')
    const names = (await kubeconfig()).contexts.map(({ name }) => name)
    expect(names).toEqual(['example.com-staging', 'example.com-test'])
  })

  it('asks again when the server does not take the login any more', async () => {
    await login()
    teleport.is.selfRefusal = {
      status: 403,
      code: 'ACCESS_DENIED',
      message: 'locked: see security',
    }
    const again = await joe.tshAnswering([PASSWORD], 'login')
    expect(again.err).toContain('tsh: the login of joe is not taken any more: locked: see security')
    expect(again.asked).toEqual(['Password for joe: '])
  })

  it('selects the cluster that is named, or the only one, or none', async () => {
    teleport.is.kubeClusters = [{ name: 'a' }, { name: 'b' }]
    const several = await login()
    expect(several.err).toContain(
      'the kubeconfig has 2 contexts for you; none is selected: tsh kube login <cluster>, or kubectl --context=example.com-a',
    )
    expect((await kubeconfig())['current-context']).toBeUndefined()
    await joe.tsh('login', '--kube-cluster=b')
    expect((await kubeconfig())['current-context']).toBe('example.com-b')
    const unknown = await joe.tsh('login', '--kube-cluster=c')
    expect(unknown.code).toBe(1)
    expect(unknown.err).toContain('Kubernetes cluster "c" is not open to your roles')
    expect(unknown.err).toContain('open are: a, b')
  })

  it('leaves an entry alone that somebody else has under the same name', async () => {
    await mkdir(join(joe.home, '.kube'))
    const mine = 'contexts:\n- name: example.com-prod # mine\n  context: {cluster: x}\n'
    await writeFile(joe.kubeconfigPath, mine)
    const { code, err } = await login()
    expect(code).toBe(0)
    expect(err).toContain(
      `tsh: the kubeconfig has an entry "example.com-prod" that is not of example.com at ${teleport.proxy}: it was left alone.`,
    )
    expect(await joe.kubeconfig()).toBe(mine)
  })

  it('lets several people and proxies be side by side', async () => {
    await using other = await FakeTeleport.start({ clusterName: 'other.example.com' })
    await login()
    await joe.tshAnswering(
      [PASSWORD],
      'login',
      `--proxy=${other.proxy}`,
      '--user=Joe',
      `--ca-pin=${other.is.authority.pin}`,
    )
    await joe.tshAnswering([PASSWORD], 'login', `--proxy=${other.proxy}`, '--user=joe')
    const status = await joe.tsh('status', '--format=json')
    const shown = JSON.parse(status.out) as { proxy: string; user: string; current: boolean }[]
    expect(shown.map(({ proxy, user, current }) => [proxy, user, current])).toEqual(
      [
        [other.proxy, 'joe', true],
        [other.proxy, 'Joe', false],
        [teleport.proxy, 'joe', false],
      ].sort((a, b) => Number(b[2]) - Number(a[2])),
    )
  })
})

describe('tsh login --out', () => {
  it('writes a kubeconfig that needs nothing else, and changes nothing else', async () => {
    const path = join(joe.home, 'out')
    const { code, out } = await login(`--out=${path}`, '--format=kubernetes')
    expect({ code, out }).toEqual({
      code: 0,
      out: `The credentials have been written to ${path}\n`,
    })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const text = await readFile(path, 'utf8')
    expect(text).toContain('client-key-data')
    expect(text).not.toContain('exec')
    expect(await readdir(joe.home)).toEqual(['out'])
  })

  it('writes an identity file, with which commands need no login', async () => {
    const path = join(joe.home, 'identity')
    expect((await login(`--out=${path}`)).code).toBe(0)
    expect(await readFile(path, 'utf8')).toMatch(
      /^# written by tsh login\n# user joe of example.com/,
    )
  })

  it('replaces only what tsh wrote', async () => {
    const path = join(joe.home, 'out')
    await login(`--out=${path}`)
    expect((await login(`--out=${path}`)).code).toBe(0)
    await writeFile(path, 'mine')
    const refused = await login(`--out=${path}`)
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('use --overwrite to replace it')
    expect((await login(`--out=${path}`, '--overwrite')).code).toBe(0)
  })
})

describe('whom tsh login believes', () => {
  it('nobody at first use without a terminal: a pin or --insecure is named, and nothing was sent', async () => {
    const { code, err } = await joe.tsh('login', ...at())
    expect(code).toBe(1)
    expect(err).toBe(
      [
        `tsh: the authority of ${teleport.proxy} (Teleport cluster "example.com") is not known yet, and nobody is here to confirm it. Nothing was sent.`,
        `  offered: ${teleport.is.authority.pin}`,
        'tsh: give --ca-pin=<the CA pin that "tctl status" shows>, or --insecure to believe it unseen',
        '',
      ].join('\n'),
    )
    expect(passwords()).toEqual([])
  })

  it('a person who pastes the pin, and nobody who says anything else than yes', async () => {
    const no = await joe.tshAnswering(['no'], 'login', ...at())
    expect(no.code).toBe(1)
    expect(no.err).toContain('tsh: stopped: nothing was sent')
    const yes = await joe.tshAnswering([teleport.is.authority.pin, PASSWORD], 'login', ...at())
    expect(yes.code).toBe(0)
  })

  it('a pin that fits, in any case, and none that does not', async () => {
    const wrong = await joe.tshAnswering([], 'login', ...at(), `--ca-pin=sha256:${'0'.repeat(64)}`)
    expect(wrong.code).toBe(1)
    expect(wrong.err).toContain('is not the one that --ca-pin names. Nothing was sent.')
    expect(wrong.err).toContain(teleport.is.authority.pin)
    const none = await joe.tsh('login', ...at(), '--ca-pin=sha256:123')
    expect(none.code).toBe(2)
    const right = await joe.tshAnswering(
      [PASSWORD],
      'login',
      ...at(),
      pin().replace(/[a-f](?=[0-9a-f]*$)/g, (digit) => digit.toUpperCase()),
    )
    expect(right.code).toBe(0)
  })

  it('an unknown server with --insecure, once', async () => {
    const first = await joe.tshAnswering([PASSWORD], 'login', ...at(), '--insecure')
    expect(first.code).toBe(0)
    expect(first.err).toContain('was believed unseen (--insecure); from now on it is known')
    const kept = teleport.is.authority.pin
    teleport.is.authority = await hostAuthority()
    for (const flags of [['--insecure'], []]) {
      const { code, err, asked } = await joe.tshAnswering(
        [],
        'login',
        ...at(),
        '--ttl=60',
        ...flags,
      )
      expect(code).toBe(1)
      expect(asked).toEqual([])
      expect(err).toBe(
        [
          `tsh: the authority of ${teleport.proxy} is not the one of your first login. Somebody may be between you and the server, or it was set up anew. Nothing was sent.`,
          `  kept:    ${kept}`,
          `  offered: ${teleport.is.authority.pin}`,
          `tsh: ask the administrator for the CA pin that "tctl status" shows now; if he confirms the change: tsh login --proxy=${teleport.proxy} --ca-pin=<that pin>`,
          '',
        ].join('\n'),
      )
    }
    expect(passwords()).toEqual([PASSWORD])
    // The pin that the administrator confirmed is the way on, and is kept from then.
    expect((await login('--ttl=60')).code).toBe(0)
    expect((await joe.tshAnswering([PASSWORD], 'login', ...at(), '--ttl=60')).code).toBe(0)
  })

  it('a login that has ended does not make the server unknown, nor does a logout', async () => {
    await login()
    await joe.tsh('logout')
    teleport.is.authority = await hostAuthority()
    const { code, err } = await joe.tshAnswering([], 'login', ...at())
    expect(code).toBe(1)
    expect(err).toContain('is not the one of your first login')
  })

  it('a known server that shows the right authority and cannot prove it is refused', async () => {
    await login()
    const real = teleport.is.authority
    teleport.is.authority = await hostAuthority()
    teleport.is.bundle = [real]
    const { code, err } = await joe.tshAnswering([], 'login', ...at(), '--ttl=60')
    expect(code).toBe(1)
    expect(err).toContain('is not the expected auth service')
    expect(passwords()).toEqual([PASSWORD])
  })

  it('at first use too, whatever is confirmed', async () => {
    const shown = await hostAuthority()
    teleport.is.bundle = [shown]
    const { code, asked } = await joe.tshAnswering(['yes'], 'login', ...at())
    expect(code).toBe(1)
    expect(asked).toHaveLength(1)
    expect(passwords()).toEqual([])
  })

  it('a new authority beside the known one, which vouches for it: rotation', async () => {
    await login()
    const old = teleport.is.authority
    const next = await hostAuthority('next')
    teleport.is.bundle = [old, next]
    expect((await joe.tshAnswering([PASSWORD], 'login', '--ttl=60')).code).toBe(0)
    teleport.is.authority = next
    teleport.is.bundle = [next]
    expect((await joe.tshAnswering([PASSWORD], 'login', '--ttl=60')).code).toBe(0)
  })

  it('a proxy that leads to another Teleport cluster now is named', async () => {
    await login()
    teleport.is.authority = await hostAuthority()
    teleport.is.clusterName = 'evil.example.com'
    const { err } = await joe.tshAnswering([], 'login', ...at(), '--ttl=60')
    expect(err).toContain('Teleport cluster: was "example.com", is "evil.example.com"')
  })

  it('a certificate of the right authority for another name is refused', async () => {
    teleport.is.serverCertificate = { dnsNames: ['k-other.teleport.cluster.local'] }
    const { code, err } = await login()
    expect(code).toBe(1)
    expect(err).toContain('is not the expected auth service')
    expect(passwords()).toEqual([])
  })

  it('words of whoever answers do not reach the terminal as commands', async () => {
    teleport.is.clusterName = 'x\u001b]0;evil\u0007'
    const { err } = await joe.tshAnswering(['no'], 'login', ...at())
    expect(err).not.toMatch(/[\u001b\u0007]/)
  })

  it('a certificate for another key than ours is not kept', async () => {
    teleport.is.foreignKey = true
    const { code, err } = await login()
    expect(code).toBe(1)
    expect(err).toContain('the certificate that was issued is not for our key')
    expect((await joe.tsh('status')).code).toBe(4)
  })
})

describe('what goes wrong at tsh login', () => {
  it('a wrong password or code: the words of the server', async () => {
    teleport.is.secondFactor = 'on'
    for (const answers of [
      ['wrong', '123456'],
      [PASSWORD, '000000'],
    ]) {
      const { code, err } = await joe.tshAnswering(answers, 'login', ...at(), pin())
      expect(code).toBe(4)
      expect(err).toContain('tsh: user name, password or code is wrong')
    }
  })

  it('no terminal: nothing is asked, and the flag is named', async () => {
    await login()
    const { code, err } = await joe.tsh('login', ...at(), '--ttl=60')
    expect(code).toBe(1)
    expect(err).toBe(
      'tsh: a password is needed, and nobody is here to be asked\ntsh: run it in a terminal, or give --password-stdin: the first line of stdin is the password; robots use "tctl auth sign"\n',
    )
    const nobody = await Person.arrive()
    await using _ = nobody
    const noUser = await nobody.tsh('login', `--proxy=${teleport.proxy}`)
    expect(noUser.err).toContain('tsh: --user is missing, and nobody is here to be asked')
    const noProxy = await nobody.tsh('login')
    expect(noProxy.code).toBe(2)
    expect(noProxy.err).toContain('give --proxy=<host:port>')
  })

  it('--password-stdin reads password and code from lines', async () => {
    teleport.is.secondFactor = 'otp'
    const flags = ['login', ...at(), pin(), '--password-stdin']
    expect((await joe.tshReading(`${PASSWORD}\r\n123456\r\n`, ...flags)).code).toBe(0)
    const other = [...flags, '--ttl=60']
    expect((await joe.tshReading('', ...other)).err).toContain('there is no password on stdin')
    const noCode = await joe.tshReading(`${PASSWORD}\n`, ...other)
    expect(noCode.code).toBe(2)
    expect(noCode.err).toContain('it stands on the second line of stdin')
  })

  it.each([
    [60 * 10_000 + 5000, 'behind'],
    [-60 * 10_000 - 5000, 'ahead of'],
  ])('a clock that is ten minutes off: said, with how much (%i ms)', async (offsetMs, words) => {
    teleport.is.clockOffsetMs = offsetMs
    const { code, err } = await login()
    expect(code).toBe(0)
    expect(err).toMatch(
      new RegExp(
        `^tsh: the clock of this machine is 10m\\ds ${words} the server's\ntsh: set the clock right`,
      ),
    )
  })

  it('a clock so wrong that the certificate is not valid: the clock is named, not the certificate', async () => {
    teleport.is.serverCertificate = { notBeforeMs: Date.now() + 5 * 60_000 }
    teleport.is.clockOffsetMs = 10 * 60_000
    const { code, err } = await login()
    expect(code).toBe(1)
    expect(err).toMatch(
      /^tsh: the clock of this machine is 10m\d?s behind the server's: its certificate is not valid by it\ntsh: set the clock right/,
    )
    expect(passwords()).toEqual([])
  })

  it('the same of a server that is known', async () => {
    await login()
    teleport.is.serverCertificate = {
      notBeforeMs: Date.now() - 10 * 60_000,
      notAfterMs: Date.now() - 5 * 60_000,
    }
    teleport.is.clockOffsetMs = -10 * 60_000
    const { err } = await joe.tshAnswering([], 'login', '--ttl=60')
    expect(err).toMatch(/^tsh: the clock of this machine is 10m\d?s ahead of the server's/)
  })

  it('a proxy that is down', async () => {
    const port = await freePort()
    const { code, err } = await joe.tsh('login', `--proxy=127.0.0.1:${port}`, '--user=joe')
    expect(code).toBe(1)
    expect(err).toBe(
      `tsh: cannot reach the proxy at 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}\ntsh: is --proxy its web address (host:port), and is the proxy running?\n`,
    )
  })

  it('a proxy that is down while the login is good: still logged in, and said so', async () => {
    await login()
    const { proxy } = teleport
    await teleport[Symbol.asyncDispose]()
    const again = await joe.tsh('login')
    expect(again.code).toBe(0)
    expect(again.err).toContain(`cannot reach the auth service at ${proxy}`)
    expect(again.err).toContain('already logged in as joe')
    const status = await joe.tsh('status')
    expect(status.code).toBe(0)
    expect(status.err).toMatch(/this is as of \d{4}-/)
    expect(status.out).toContain('prod')
    const ls = await joe.tsh('kube', 'ls')
    expect(ls.code).toBe(1)
    expect(ls.err).toContain('is the proxy running, and is this machine online?')
  })

  it('something that is no proxy', async () => {
    teleport.is.announced = 'another.example.com'
    const { code, err } = await joe.tshAnswering([], 'login', ...at())
    expect(code).toBe(1)
    expect(err).toContain(`the auth service behind ${teleport.proxy} does not say what it is`)
  })

  it.each([
    [['--proxy=a b'], 2, '--proxy: "a b" is not an address'],
    [['--ttl=soon'], 2, '--ttl=soon is neither minutes nor a duration'],
    [['--ttl=1'], 2, '--ttl=1 is less than two minutes'],
    [['--format=kubernetes'], 2, '--out is missing'],
    [['--out=x', '--format=tls'], 2, '--format=tls is not one of file, kubernetes'],
    [['--auth=github'], 1, 'there is no connector "github"'],
  ])('%j', async (flags, exit, words) => {
    const { code, err } = await joe.tsh('login', ...at(), ...flags)
    expect({ code, err }).toEqual({ code: exit, err: expect.stringContaining(words) as string })
    expect(teleport.seen).toEqual([])
  })

  it('a Teleport cluster that the proxy does not lead to', async () => {
    const { code, err } = await joe.tshAnswering([], 'login', 'leaf', ...at(), pin())
    expect(code).toBe(1)
    expect(err).toContain('does not lead to a Teleport cluster "leaf": it serves "example.com"')
    expect((await joe.tshAnswering([PASSWORD], 'login', 'example.com', ...at(), pin())).code).toBe(
      0,
    )
  })

  it('a home that is a file: nobody types a password in vain', async () => {
    await writeFile(join(joe.home, '.tsh'), '')
    const { code, err, asked } = await joe.tshAnswering([], 'login', ...at(), pin())
    expect(code).toBe(1)
    expect(asked).toEqual([])
    expect(err).toContain('TELEPORT_HOME names another directory for logins')
  })

  it('a kubeconfig that is none: logged in, and said what was not done', async () => {
    await mkdir(join(joe.home, '.kube'))
    await writeFile(joe.kubeconfigPath, 'a: [')
    const { code, err } = await login()
    expect(code).toBe(1)
    expect(err).toContain('tsh: you are logged in, but the kubeconfig was not written')
    expect(err).toContain('cannot be read as a kubeconfig')
    expect(err).toContain('tsh: KUBECONFIG names another file, and "tsh login --out=')
    expect(await joe.kubeconfig()).toBe('a: [')
    expect((await joe.tsh('status')).code).toBe(0)
  })
})
