import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { FakeTeleport } from '../../support/fake-teleport.ts'
import { Person, type Ran } from '../../support/tsh.ts'

const PASSWORD = 'correct horse battery'

let teleport: FakeTeleport
let joe: Person
beforeEach(async () => {
  teleport = await FakeTeleport.start({
    kubeClusters: [
      { name: 'prod-eu', labels: { env: 'prod', region: 'eu' }, groups: ['viewers'] },
      { name: 'prod-us', labels: { env: 'prod', region: 'us' }, online: false },
      { name: 'staging', labels: { env: 'staging' } },
    ],
  })
  joe = await Person.arrive()
  const { code } = await login()
  expect(code).toBe(0)
})
afterEach(async () => {
  await joe[Symbol.asyncDispose]()
  await teleport[Symbol.asyncDispose]()
})

const login = (...flags: string[]): Promise<Ran> =>
  joe.tshAnswering(
    [PASSWORD],
    'login',
    `--proxy=${teleport.proxy}`,
    '--user=joe',
    `--ca-pin=${teleport.is.authority.pin}`,
    ...flags,
  )

interface Named {
  readonly name: string
  readonly context: Record<string, unknown>
  readonly user: Record<string, unknown>
}
interface Kubeconfig {
  readonly 'current-context'?: string
  readonly contexts: Named[]
  readonly users: Named[]
}
const kubeconfig = async (): Promise<Kubeconfig> => parse(await joe.kubeconfig()) as Kubeconfig
const entry = async (section: 'contexts' | 'users', name: string): Promise<Named | undefined> =>
  (await kubeconfig())[section].find((each) => each.name === name)

describe('tsh kube ls', () => {
  it('shows a table, and which cluster is selected', async () => {
    await joe.tsh('kube', 'login', 'staging')
    expect((await joe.tsh('kube', 'ls')).out).toBe(
      `Kube Cluster Name  Labels              Selected
-----------------  ------------------  --------
prod-eu            env=prod,region=eu
prod-us            env=prod,region=us
staging            env=staging         *
`,
    )
    expect((await joe.tsh('kube', 'ls', '-v', 'region=us')).out).toBe(
      `Kube Cluster Name  Labels              Selected  Status   Since  Users  Groups
-----------------  ------------------  --------  -------  -----  -----  ------
prod-us            env=prod,region=us            offline         joe    devs
`,
    )
  })

  it.each([
    [['env=prod'], ['prod-eu', 'prod-us']],
    [['env=prod,region'], ['prod-eu', 'prod-us']],
    [['env=prod,region=us'], ['prod-us']],
    [['--search=PROD,eu'], ['prod-eu']],
    [['--query=labels["env"] == "prod" && name != "prod-us"'], ['prod-eu']],
    [['env=prod', '--search=us', '--query=exists(labels["region"])'], ['prod-us']],
    [['env=none'], []],
  ])('%j narrows it down', async (flags, names) => {
    const { out } = await joe.tsh('kube', 'ls', '--format=json', ...flags)
    const found = JSON.parse(out) as { kube_cluster_name: string }[]
    expect(found.map((each) => each.kube_cluster_name)).toEqual(names)
  })

  it('gives programs everything, in JSON and YAML', async () => {
    const wanted = {
      kube_cluster_name: 'prod-eu',
      labels: { env: 'prod', region: 'eu' },
      selected: false,
      online: true,
      kubernetes_users: ['joe'],
      kubernetes_groups: ['viewers'],
    }
    const json = await joe.tsh('kube', 'ls', 'region=eu', '--format=json')
    expect(JSON.parse(json.out)).toEqual([wanted])
    const yaml = await joe.tsh('kube', 'ls', 'region=eu', '--format=yaml')
    expect(parse(yaml.out)).toEqual(wanted)
  })

  it('-q leaves the headers out; what is not found is said on stderr', async () => {
    expect((await joe.tsh('kube', 'ls', '-q', 'env=staging')).out).toBe(
      'staging            env=staging\n',
    )
    const none = await joe.tsh('kube', 'ls', 'env=none')
    expect(none).toMatchObject({ code: 0, out: '', err: 'tsh: none of 3 clusters is like that\n' })
    expect((await joe.tsh('kube', 'ls', 'staging')).err).toBe(
      'tsh: none of 3 clusters is like that: "staging" is a label here, and --search=staging looks for names\n',
    )
    teleport.is.kubeClusters = []
    expect((await joe.tsh('kube', 'ls')).err).toBe(
      'tsh: your roles reach no Kubernetes cluster: ask an administrator\n',
    )
  })

  it('refuses a query with the place, and labels that are none', async () => {
    const query = await joe.tsh('kube', 'ls', '--query=name = "x"')
    expect(query.code).toBe(2)
    expect(query.err).toBe(
      'tsh: --query, character 6: what is "="?\ntsh: name = "x"\ntsh:      ^\n',
    )
    expect((await joe.tsh('kube', 'ls', '=x')).code).toBe(2)
    expect((await joe.tsh('kube', 'ls', '--format=xml')).code).toBe(2)
  })

  it('shows names from elsewhere without letting them move the cursor', async () => {
    teleport.is.kubeClusters = [{ name: 'a\u001b[2J', labels: { x: '\n' } }]
    const { out } = await joe.tsh('kube', 'ls', '-q')
    expect(out).toBe('a\ufffd[2J              x=\ufffd\n')
  })

  it('works by an identity file, without a login', async () => {
    const path = join(joe.home, 'identity')
    await login(`--out=${path}`)
    await using robot = await Person.arrive()
    // The certificates of the fake say nothing of who they are for.
    const { err } = await robot.tsh('kube', 'ls', '-i', path, `--proxy=${teleport.proxy}`)
    expect(err).toContain('its certificate is no user’s of ours')
    const nowhere = await robot.tsh('kube', 'ls', '-i', path)
    expect(nowhere.code).toBe(2)
    expect(nowhere.err).toContain('-i needs --proxy')
  })
})

describe('tsh kube login', () => {
  it('selects a cluster by its name or the beginning of one', async () => {
    const { code, out } = await joe.tsh('kube', 'login', 'stag')
    expect({ code, out }).toEqual({
      code: 0,
      out: 'Logged into Kubernetes cluster "staging": the current context is "example.com-staging"\n',
    })
    expect((await kubeconfig())['current-context']).toBe('example.com-staging')
    const offline = await joe.tsh('kube', 'login', 'prod-us')
    expect(offline.err).toBe('tsh: "prod-us" is offline: no service serves it now\n')
  })

  it.each([
    [['prod'], 1, '"prod" is the beginning of 2 names: prod-eu, prod-us'],
    [['none'], 1, 'there is no Kubernetes cluster "none", or none of your roles reaches it'],
    [[], 2, 'which Kubernetes cluster? give its name, or --all'],
    [['staging', '--all'], 2, 'which Kubernetes cluster?'],
    [['staging', '--set-context-name={{.Nothing}}'], 2, 'is not a template for a context name'],
    [
      ['--all', '--set-context-name=same'],
      1,
      'two Kubernetes clusters would get the context name "same"',
    ],
  ])('%j is refused, and the kubeconfig stays', async (argv, exit, words) => {
    const before = await joe.kubeconfig()
    const { code, err } = await joe.tsh('kube', 'login', ...argv)
    expect({ code, err }).toEqual({ code: exit, err: expect.stringContaining(words) as string })
    expect(await joe.kubeconfig()).toBe(before)
  })

  it('sets namespace and impersonation, and takes impersonation back', async () => {
    await joe.tsh(
      'kube',
      'login',
      'staging',
      '-n',
      'team',
      '--as=viewer',
      '--as-groups=a,b',
      '--as-group=cn=c,ou=d',
    )
    const name = 'example.com-staging'
    expect((await entry('contexts', name))?.context['namespace']).toBe('team')
    expect((await entry('users', name))?.user).toMatchObject({
      as: 'viewer',
      'as-groups': ['a', 'b', 'cn=c,ou=d'],
    })
    // A login leaves both as they are, a login to the cluster means oneself again.
    await joe.tsh('login')
    expect((await entry('users', name))?.user['as']).toBe('viewer')
    await joe.tsh('kube', 'login', 'staging')
    expect((await entry('contexts', name))?.context['namespace']).toBe('team')
    const { user } = (await entry('users', name)) ?? {}
    expect([user?.['as'], user?.['as-groups']]).toEqual([undefined, undefined])
  })

  it('gives contexts the names that one likes, and a later login keeps them', async () => {
    await joe.tsh('logout')
    await login('--kube-cluster=staging')
    await joe.tsh('kube', 'login', '--all', '--set-context-name=k/{{ .KubeName }}')
    const names = (await kubeconfig()).contexts.map(({ name }) => name)
    expect(names.filter((name) => name.startsWith('k/'))).toEqual([
      'k/prod-eu',
      'k/prod-us',
      'k/staging',
    ])
    const before = await joe.kubeconfig()
    await joe.tsh('login')
    expect(await joe.kubeconfig()).toBe(before)
  })

  it('does not take a name that is taken', async () => {
    await writeFile(joe.kubeconfigPath, 'users:\n- name: mine\n  user: {token: x}\n')
    const { code, err } = await joe.tsh('kube', 'login', 'staging', '--set-context-name=mine')
    expect(code).toBe(1)
    expect(err).toContain('the kubeconfig has an entry "mine" that is not this cluster\'s')
    expect(await joe.kubeconfig()).toBe('users:\n- name: mine\n  user: {token: x}\n')
  })

  it('embeds the credentials where there is no /bin/sh', async () => {
    joe.platform = 'win32'
    await joe.tsh('kube', 'login', 'staging')
    const { user } = (await entry('users', 'example.com-staging')) ?? {}
    expect(Object.keys(user ?? {}).sort()).toEqual([
      'client-certificate-data',
      'client-key-data',
      'extensions',
    ])
  })

  it('writes to the file of $KUBECONFIG that has the entries, and new ones where kubectl would', async () => {
    const [one, two, three] = ['one', 'two', 'three'].map((name) => join(joe.home, name))
    await joe.tsh('logout')
    await writeFile(two ?? '', 'kind: Config\n')
    await writeFile(three ?? '', 'kind: Config\ncurrent-context: x\n')
    joe.env = { KUBECONFIG: [one, two, three].join(':') }
    await login('--kube-cluster=staging')
    expect(await readFile(three ?? '', 'utf8')).toBe('kind: Config\ncurrent-context: x\n')
    const written = await readFile(two ?? '', 'utf8')
    expect(written).toContain('current-context: example.com-staging')
    await expect(stat(one ?? '')).rejects.toMatchObject({ code: 'ENOENT' })
    // Now that the first exists, the entries are still found in the second.
    await writeFile(one ?? '', 'kind: Config\n')
    await joe.tsh('kube', 'login', 'prod-eu', '-n', 'x')
    expect(await readFile(two ?? '', 'utf8')).toContain('namespace: x')
    expect(await readFile(one ?? '', 'utf8')).toContain('current-context: example.com-prod-eu')
    // And are taken out of it, though nobody names that file any more.
    joe.env = {}
    await joe.tsh('logout')
    expect(await readFile(two ?? '', 'utf8')).not.toContain('example.com')
  })
})

describe('tsh logout', () => {
  it('takes the keys and our entries away, and restores the context of before', async () => {
    await joe.tsh('logout')
    const mine = `# mine
contexts:
- name: home
  context: {cluster: home, user: me} # by hand
current-context: home
`
    await writeFile(joe.kubeconfigPath, mine)
    await login('--kube-cluster=staging')
    await joe.tsh('kube', 'login', 'prod-eu')
    expect((await kubeconfig())['current-context']).toBe('example.com-prod-eu')
    const { code, out } = await joe.tsh('logout')
    expect({ code, out }).toEqual({ code: 0, out: `Logged out joe at ${teleport.proxy}\n` })
    expect(await joe.kubeconfig()).toBe(`${mine}clusters: []\nusers: []\n`)
    const left = await readdir(join(joe.home, '.tsh'), { recursive: true })
    expect(left.toSorted()).toEqual(['known-proxies.json', 'profiles'])
    expect((await joe.tsh('status')).code).toBe(4)
    expect((await joe.tsh('logout')).err).toContain('tsh: not logged in')
  })

  it('leaves the current context alone when it is not ours, and entries that somebody uses', async () => {
    const text = await joe.kubeconfig()
    await writeFile(
      joe.kubeconfigPath,
      `${text.replace('contexts:\n', 'contexts:\n- name: mine\n  context: {cluster: example.com-staging, user: example.com-staging}\n')}\ncurrent-context: mine\n`,
    )
    await joe.tsh('logout')
    const left = await kubeconfig()
    expect(left['current-context']).toBe('mine')
    expect(left.contexts.map(({ name }) => name)).toEqual(['mine'])
    expect(left.users.map(({ name }) => name)).toEqual(['example.com-staging'])
  })

  it('ends one login of several, or all', async () => {
    await using other = await FakeTeleport.start({ clusterName: 'other' })
    await joe.tshAnswering(
      [PASSWORD],
      'login',
      `--proxy=${other.proxy}`,
      `--ca-pin=${other.is.authority.pin}`,
      '--user=joe',
    )
    const one = await joe.tsh('logout', `--proxy=${teleport.proxy}`)
    expect(one.err).toBe(
      `tsh: still logged in: joe at ${other.proxy} ("tsh logout --all" ends them too)\n`,
    )
    expect((await kubeconfig()).contexts.map(({ name }) => name)).toEqual(['other-prod'])
    expect((await joe.tsh('logout', '--all', '--user=joe')).code).toBe(2)
    expect((await joe.tsh('logout', '--all')).code).toBe(0)
    expect((await kubeconfig()).contexts).toEqual([])
  })
})

describe('tsh kube credentials', () => {
  const credentials = (...flags: string[]): string[] => [
    'kube',
    'credentials',
    `--proxy=${teleport.proxy}`,
    '--user=joe',
    '--teleport-cluster=example.com',
    '--kube-cluster=staging',
    ...flags,
  ]

  it.each([
    [
      '{"apiVersion":"client.authentication.k8s.io/v1","spec":{}}',
      'client.authentication.k8s.io/v1',
    ],
    [
      '{"apiVersion":"client.authentication.k8s.io/v1beta1"}',
      'client.authentication.k8s.io/v1beta1',
    ],
    ['', 'client.authentication.k8s.io/v1beta1'],
  ])('answers %j in its version', async (info, apiVersion) => {
    joe.env = { KUBERNETES_EXEC_INFO: info }
    const { code, out } = await joe.tsh(...credentials())
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ kind: 'ExecCredential', apiVersion })
  })

  it('without a terminal leads a person to tsh login, and says it once to one kubectl', async () => {
    joe.clockOffsetMs = 13 * 3_600_000
    const first = await joe.tsh(...credentials())
    expect(first).toMatchObject({
      code: 4,
      out: '',
      err: `tsh: the login of joe at ${teleport.proxy} ended 1h ago\ntsh: log in again: tsh login --proxy=${teleport.proxy} --user=joe\n`,
    })
    expect(await joe.tsh(...credentials())).toMatchObject({ code: 4, out: '', err: '' })
    joe.clockOffsetMs += 11_000
    expect((await joe.tsh(...credentials())).err).not.toBe('')
  })

  it('at a terminal asks, and goes on: what it got is kept', async () => {
    teleport.is.secondFactor = 'otp'
    joe.clockOffsetMs = 13 * 3_600_000
    const { code, out, asked } = await joe.tshAnswering([PASSWORD, '123456'], ...credentials())
    expect(code).toBe(0)
    expect(asked).toEqual(['Password for joe: ', 'One-time code: '])
    expect(JSON.parse(out)).toMatchObject({ kind: 'ExecCredential' })
    joe.clockOffsetMs = 0
    const again = await joe.tsh(...credentials())
    expect(again.out).toBe(out)
    // The kubeconfig from which it was called is still known, so that a logout finds it.
    await joe.tsh('logout')
    expect((await kubeconfig()).contexts).toEqual([])
  })

  it('asks nobody when kubectl needs stdin for itself', async () => {
    joe.clockOffsetMs = 13 * 3_600_000
    joe.env = { KUBERNETES_EXEC_INFO: '{"spec":{"interactive":false}}' }
    const { code, asked } = await joe.tshAnswering([], ...credentials())
    expect({ code, asked }).toEqual({ code: 4, asked: [] })
  })

  it('asks once when several kubectl need it at the same time', async () => {
    joe.clockOffsetMs = 13 * 3_600_000
    // The second person at the same terminal would be asked, and the harness has no answer for him.
    teleport.is.ttlMs = 26 * 3_600_000
    const all = await Promise.all([
      joe.tshAnswering([PASSWORD], ...credentials()),
      joe.tshAnswering([PASSWORD], ...credentials()),
      joe.tshAnswering([PASSWORD], ...credentials()),
    ])
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(all.flatMap(({ asked }) => asked)).toEqual(['Password for joe: '])
    expect(new Set(all.map(({ out }) => out)).size).toBe(1)
  })

  it('of a login that is gone, or for another cluster', async () => {
    const other = await joe.tsh(
      'kube',
      'credentials',
      `--proxy=${teleport.proxy}`,
      '--teleport-cluster=other',
    )
    expect(other.code).toBe(4)
    expect(other.err).toContain(
      'is for Teleport cluster "example.com", and this context is of "other"',
    )
    await joe.tsh('logout')
    const gone = await joe.tsh(...credentials())
    expect(gone.code).toBe(4)
    expect(gone.err).toBe(
      `tsh: not logged in as joe at ${teleport.proxy}\ntsh: log in: tsh login --proxy=${teleport.proxy} --user=joe\n`,
    )
  })

  it('the script becomes tsh when the credential has ended', async () => {
    const profiles = join(joe.home, '.tsh', 'profiles')
    const [name = ''] = await readdir(profiles)
    const script = join(profiles, name, 'kube-credentials')
    const text = await readFile(script, 'utf8')
    expect(text).toContain(`exec /opt/teleport/bin/tsh kube credentials "$@"`)
    // In the last minute already.
    teleport.is.ttlMs = 59_000
    await login('--ttl=2')
    teleport.is.ttlMs = 59_000
    const launcher = join(joe.home, 'launcher')
    await mkdir(launcher)
    const fake = join(launcher, 'tsh')
    await writeFile(fake, '#!/bin/sh\necho "$TELEPORT_HOME" "$@"\n', { mode: 0o755 })
    const ended = (await readFile(script, 'utf8'))
      .replace('/opt/teleport/bin/tsh', fake)
      .replace('[ "$0" -nt /proc/self ]', '[ "$0" -nt /proc/self ] && false')
    await writeFile(script, ended, { mode: 0o700 })
    const { stdout } = await promisify(execFile)(script, ['--kube-cluster=a b'])
    expect(stdout).toBe(`${join(joe.home, '.tsh')} kube credentials --kube-cluster=a b\n`)
  })
})

describe('further commands of tsh', () => {
  it('status shows every login, and ends with 4 when the one that counts has ended', async () => {
    joe.clockOffsetMs = 13 * 3_600_000
    const { code, out, err } = await joe.tsh('status')
    expect(code).toBe(4)
    expect(out).toMatch(/Valid until: +\S+Z \(EXPIRED 1h ago\)/)
    expect(err).toBe(`tsh: log in again: tsh login --proxy=${teleport.proxy} --user=joe\n`)
    const ls = await joe.tsh('kube', 'ls')
    expect(ls.code).toBe(4)
    expect(ls.err).toBe(
      `tsh: the login of joe at ${teleport.proxy} ended 1h ago\ntsh: log in again: tsh login --proxy=${teleport.proxy} --user=joe\n`,
    )
  })

  it('clusters, env and version', async () => {
    expect((await joe.tsh('clusters')).out).toContain('example.com   online  root          *')
    expect((await joe.tsh('env')).out).toBe(
      `export TELEPORT_PROXY=${teleport.proxy}\nexport TELEPORT_USER=joe\n`,
    )
    expect((await joe.tsh('env', '--unset')).out).toBe(
      'unset TELEPORT_PROXY\nunset TELEPORT_USER\n',
    )
    expect((await joe.tsh('version')).out).toMatch(
      new RegExp(`^tsh \\d+\\.\\d+\\.\\d+\nserver 1.2.3 \\(${teleport.proxy}\\)\n$`),
    )
    expect((await joe.tsh('version', '--client')).out).toMatch(/^tsh \d+\.\d+\.\d+\n$/)
    const { proxy } = teleport
    await teleport[Symbol.asyncDispose]()
    const down = await joe.tsh('version')
    expect(down.code).toBe(0)
    expect(down.err).toContain(`the version of ${proxy} is not known`)
  })

  it('sessions ls shows sessions that go on, and kube sessions does for now', async () => {
    const none = await joe.tsh('sessions', 'ls', '--kind=kube')
    expect(none).toMatchObject({ code: 0 })
    expect(none.err).toContain('no session goes on that you may see')
    teleport.is.sessions = [
      {
        session_id: '2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11',
        kind: 'portforward',
        user: 'joe',
        kube_cluster: 'prod-eu',
        namespace: 'payments',
        pod: 'web-0',
        container: '',
        node: '',
        image: '',
        command: [],
        tty: false,
        protocol: 'portforward.k8s.io',
        address: '192.0.2.7:4711',
        started: '2026-01-31T09:00:00.000Z',
        recording: false,
        server_id: '0b6d3c5e-8f0a-4f4e-9d0e-6a1f3c1e2b7a',
      },
    ]
    const { code, out, err } = await joe.tsh('sessions', 'ls')
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/k8s portforward +2026-01-31T09:00:00Z +prod-eu\/payments\/web-0/)
    const before = await joe.tsh('kube', 'sessions')
    expect([before.code, before.out]).toEqual([0, out])
    expect(before.err).toContain('use "tsh sessions ls')
    expect(JSON.parse((await joe.tsh('sessions', 'ls', '--format=json')).out)).toEqual(
      teleport.is.sessions,
    )
    teleport.is.sessions = []
  })

  it('the environment names proxy and user, and flags win', async () => {
    joe.env = { TELEPORT_USER: 'nobody', TELEPORT_PROXY: teleport.proxy }
    expect((await joe.tsh('kube', 'ls')).err).toBe(
      `tsh: not logged in as nobody at ${teleport.proxy}\ntsh: log in: tsh login --proxy=${teleport.proxy} --user=nobody\n`,
    )
    expect((await joe.tsh('kube', 'ls', '--user=joe')).code).toBe(0)
  })

  it('a tab offers the clusters of the last answer, and the logins that there are', async () => {
    expect(await joe.tab('kube', 'login', 'pr')).toBe(
      'prod-eu\tKubernetes cluster\nprod-us\tKubernetes cluster (offline)\n',
    )
    expect(await joe.tab('login', '--kube-cluster=st')).toBe(
      '--kube-cluster=staging\tKubernetes cluster\n',
    )
    expect(await joe.tab('logout', '--user', '')).toBe('joe\tuser\n')
    expect(await joe.tab('--proxy', '')).toBe(`${teleport.proxy}\tproxy\n`)
    await joe.tsh('logout')
    expect(await joe.tab('kube', 'login', '')).toBe('')
  })

  it('-d says what is done, and nothing secret', async () => {
    const { err } = await login('-d', '--ttl=60')
    expect(err).toMatch(/tsh: debug: login.create: ok \(\d+ ms\)/)
    expect(err).not.toContain(PASSWORD)
  })
})
