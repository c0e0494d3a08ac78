import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { TopSample } from '../../src/cli/tctl/top/sample.ts'
import { TestDaemon } from '../support/daemon.ts'
import { type Finished, Running, runProgram } from '../support/process.ts'
import { typeAtTerminal } from '../support/terminal.ts'
import {
  ABSENT,
  type Cluster,
  clusters,
  contextOf,
  kubectlWith,
  mergedKubeconfig,
} from './support/environment.ts'

const BIN = resolve(import.meta.dirname, '../../bin')
const PATIENTLY = { timeout: 60_000, interval: 200 } as const

const cluster = clusters.find(({ version }) => version === '1.35')
const missing = cluster === undefined ? 'no Kubernetes 1.35 here' : null

describe.skipIf(missing !== null)(
  `an administrator somewhere else${missing === null ? '' : ` (${missing})`}`,
  () => somewhereElse(cluster ?? ABSENT),
)

function somewhereElse(real: Cluster): void {
  const kubeCluster = contextOf(real)
  let directory: string
  let daemon: TestDaemon

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'e2e-tctl-'))
    daemon = await TestDaemon.start({
      kubeconfig: await mergedKubeconfig(directory, [real]),
      config: { auth_service: { authentication: { type: 'local', second_factor: 'off' } } },
    })
    await daemon.tctl('users', 'add', 'root', '--roles=admin', '--k8s-groups=system:masters')
    await daemon.tctl('users', 'add', 'olga', '--roles=auditor')
    await daemon.tctl('users', 'add', 'joe', '--k8s-groups=viewers')
  })
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  /** A machine that knows nothing of the cluster: a home with no more in it than the identity file of somebody. */
  async function machineOf(user: string): Promise<Machine> {
    const home = await mkdtemp(join(directory, `home-${user}-`))
    const file = join(directory, `${user}.pem`)
    await daemon.tctl(
      'auth',
      'sign',
      `--user=${user}`,
      '--format=file',
      `--out=${file}`,
      '--ttl=1h',
    )
    await writeFile(join(home, 'id.pem'), await readFile(file), { mode: 0o600 })
    return new Machine(home, ['-i', 'id.pem', `--proxy=127.0.0.1:${daemon.ports.web}`])
  }

  const kubectlOf = async (user: string): Promise<ReturnType<typeof kubectlWith>> => {
    const cache = join(directory, `cache-${user}`)
    await mkdir(cache, { recursive: true })
    const kubeconfig = await daemon.sign(user)
    return kubectlWith(real.kubectl, kubeconfig, `e2e.example.com-${kubeCluster}`, cache)
  }

  describe('with an identity file only', () => {
    it('administers through the proxy, and through the auth port', async () => {
      const machine = await machineOf('root')
      for (const where of [
        `--proxy=127.0.0.1:${daemon.ports.web}`,
        `--auth-server=127.0.0.1:${daemon.ports.auth}`,
      ]) {
        const finished = await machine.run('tctl', '-i', 'id.pem', where, 'users', 'ls')
        expect(finished, finished.stderr).toMatchObject({ code: 0, stderr: '' })
        expect(finished.stdout).toContain('olga')
      }
      await machine.mustTctl('users', 'add', 'kim', '--roles=auditor')
      const [event] = await daemon.events('--event=user.create', '--user=root')
      expect(event).toMatchObject({ name: 'kim', user: 'root', proto: 'api' })
      // Nothing is left behind: no prompt, no cache, no copy of the key.
      expect(await readdir(machine.home)).toEqual(['id.pem'])
    })

    it('is told where to connect when the address is wrong', async () => {
      const machine = await machineOf('root')
      const where = `--proxy=127.0.0.1:${daemon.ports.kube}`
      const wrong = await machine.run('tctl', '-i', 'id.pem', where, 'status')
      expect(wrong.code).toBe(1)
      expect(wrong.stderr).toContain('is not the expected auth service')
      expect(wrong.stderr).toContain('of "e2e.example.com"?')
    })

    it('is refused in words what the roles forbid, and the refusal is audited', async () => {
      const machine = await machineOf('olga')
      for (const argv of [
        ['users', 'rm', 'joe'],
        ['auth', 'sign', '--user=root', '--format=file', '--out=stolen.pem'],
        ['edit', 'roles/auditor', '--editor=true'],
      ]) {
        const refused = await machine.tctl(...argv)
        // An edit that changes nothing asks for nothing.
        if (argv[0] === 'edit') {
          expect(refused).toMatchObject({ code: 0 })
          continue
        }
        expect(refused.code).toBe(4)
        expect(refused.stderr).toMatch(/^tctl: you may not \w+ \w+: no role of yours allows it/)
        expect(refused.stderr).toContain('tctl: as user "olga" of "e2e.example.com" by id.pem (-i)')
      }
      expect(existsSync(join(machine.home, 'stolen.pem'))).toBe(false)
      const [event] = await daemon.events('--event=auth', '--user=olga')
      expect(event).toMatchObject({ error_code: 'ACCESS_DENIED', success: false })
    })

    it('is told that the certificate is over, before anything is sent', async () => {
      const machine = await machineOf('root')
      const short = join(directory, 'short.pem')
      const life = ['--user=root', '--ttl=1s']
      await daemon.tctl('auth', 'sign', ...life, '--format=file', `--out=${short}`)
      await expect
        .poll(
          async () =>
            (await machine.run('tctl', '-i', short, '--proxy=127.0.0.1:1', 'status')).stderr,
          PATIENTLY,
        )
        .toMatch(/the certificate in .* expired at .*\n.*tsh login/)
    })
  })

  describe('tctl edit', () => {
    it('writes what a scripted editor changes, and leaves nothing behind', async () => {
      const machine = await machineOf('root')
      await machine.script('ed', `sed -i 's/^  description: .*/  description: edited/' "$1"`)
      const done = await machine.tctl('edit', 'roles/auditor', '--editor=./ed')
      expect(done, done.stderr).toMatchObject({ code: 0, stdout: 'role "auditor" written\n' })
      expect(parse(await machine.mustTctl('get', 'roles/auditor'))).toMatchObject({
        metadata: { description: 'edited' },
      })
      expect(await machine.leftovers()).toEqual([])
    })

    it('overwrites no change of somebody else, and keeps the text for another try', async () => {
      const machine = await machineOf('root')
      // While this person types, another administrator writes.
      const other = `'${join(BIN, 'tctl')}' -c '${daemon.configFile}'`
      await machine.script(
        'ed',
        `${other} get roles/editor | sed 's/^  description: .*/  description: theirs/' | ${other} create -f >/dev/null
sed -i 's/^  description: .*/  description: mine/' "$1"`,
      )
      const conflict = await machine.tctl('edit', 'roles/editor', '--editor=./ed')
      expect(conflict.code).toBe(1)
      expect(conflict.stderr).toContain('role "editor" was changed by somebody else')
      const role = parse(await machine.mustTctl('get', 'roles/editor')) as object
      expect(role).toMatchObject({ metadata: { description: 'theirs' } })
      const [kept] = /\S+role-editor\.yaml/.exec(conflict.stderr) ?? ['']
      expect(await readFile(kept, 'utf8')).toContain('description: mine')
      // The kept text carries the revision that it was made of: it cannot be written over theirs either.
      const again = await machine.tctl('create', '-f', kept)
      expect(again.stderr).toContain('was changed by somebody else')
    })

    it('shows at a terminal what is wrong, and takes the text when it is right', async () => {
      const machine = await machineOf('root')
      await machine.script(
        'ed',
        `if grep -q '^#: spec.allow.kubernetes_grups' "$1"; then cp "$1" seen; sed -i 's/kubernetes_grups/kubernetes_groups/' "$1"
else sed -i 's/kubernetes_groups/kubernetes_grups/; s/- ops/- dev/' "$1"; fi`,
      )
      await writeFile(
        join(machine.home, 'role.yaml'),
        'kind: role\nversion: v7\nmetadata: {name: typo}\nspec: {allow: {kubernetes_groups: [ops]}}\n',
      )
      await machine.mustTctl('create', 'role.yaml')
      const command = [...machine.words, 'edit', 'roles/typo', '--editor=./ed'].join(' ')
      await typeAtTerminal(command, [], { cwd: machine.home, env: machine.env })
      expect(await readFile(join(machine.home, 'seen'), 'utf8')).toContain('#: Mend it')
      expect(parse(await machine.mustTctl('get', 'roles/typo'))).toMatchObject({
        spec: { allow: { kubernetes_groups: ['dev'] } },
      })
    })
  })

  describe('tctl top', () => {
    const sample = async (machine: Machine): Promise<TopSample> =>
      JSON.parse(
        await machine.mustTctl('top', '--once', '--format=json', '--interval=200ms'),
      ) as TopSample

    it('--once shows a request that was just made, by cluster and user', async () => {
      const machine = await machineOf('olga')
      const kubectl = await kubectlOf('root')
      const before = await sample(machine)
      expect(await kubectl(['get', 'namespaces'])).toMatchObject({ code: 0 })
      const after = await sample(machine)
      const of = <T extends { name: string }>(all: readonly T[], name: string): T | undefined =>
        all.find((one) => one.name === name)
      expect(of(after.clusters, kubeCluster)).toMatchObject({ online: true })
      expect(of(after.clusters, kubeCluster)?.requests).toBeGreaterThan(
        of(before.clusters, kubeCluster)?.requests ?? 0,
      )
      expect(of(after.users, 'root')?.requests).toBeGreaterThan(
        of(before.users, 'root')?.requests ?? 0,
      )
    })

    it('counts a refusal by its code, and who was refused', async () => {
      const machine = await machineOf('olga')
      const kubectl = await kubectlOf('root')
      await kubectl(['get', 'namespaces', '--as=mallory'])
      const { refusals, users } = await sample(machine)
      expect(refusals.map(({ code }) => code)).toContain('IMPERSONATION_DENIED')
      expect(users.map(({ name }) => name)).toContain('root')
    })

    it('goes on line by line, and shows a watch while it is open', async () => {
      const machine = await machineOf('olga')
      const argv = ['top', '--format=json', '--interval=200ms']
      await using top = new Running(
        join(BIN, 'tctl'),
        ['-i', 'id.pem', `--proxy=127.0.0.1:${daemon.ports.web}`, ...argv],
        { cwd: machine.home, env: machine.env },
      )
      const last = (): TopSample | null => {
        const line = top.stdout.trimEnd().split('\n').at(-1) ?? ''
        return line.endsWith('}') ? (JSON.parse(line) as TopSample) : null
      }
      await top.until(() => last() !== null, PATIENTLY.timeout)
      const kubeconfig = await daemon.sign('root')
      await using watch = new Running(real.kubectl, [
        ...['--kubeconfig', kubeconfig, '--context', `e2e.example.com-${kubeCluster}`],
        ...['get', 'namespaces', '--watch'],
      ])
      await top.until(() => (last()?.streams.watch ?? 0) > 0, PATIENTLY.timeout)
      expect(last()?.clusters.find(({ name }) => name === kubeCluster)?.streams.watch).toBe(1)
      await watch.end('SIGTERM')
      await top.until(() => last()?.streams.watch === 0, PATIENTLY.timeout)
      expect(await top.end('SIGINT')).toBe(0)
    })

    it('takes a terminal over, and gives it back', async () => {
      const machine = await machineOf('olga')
      const command = [...machine.words, 'top', '--interval=200ms'].join(' ')
      const screen = await typeAtTerminal(command, [['CLUSTERS', 'q']], {
        cwd: machine.home,
        env: { ...machine.env, TERM: 'xterm' },
      })
      expect(screen).toContain('\u001b[?1049h')
      expect(screen).toContain(kubeCluster)
      expect(screen.lastIndexOf('\u001b[?1049l')).toBeGreaterThan(screen.lastIndexOf('CLUSTERS'))
    })
  })

  describe('by the login of tsh', () => {
    it('needs no flag at all, and is led back to the login when there is none', async () => {
      const home = await mkdtemp(join(directory, 'home-login-'))
      const machine = new Machine(home, [])
      const before = await machine.tctl('status')
      expect(before.code).toBe(4)
      expect(before.stderr).toContain('tctl: log in: tsh login --proxy=<host:port>')

      const proxy = `localhost:${daemon.ports.web}`
      const link = /https:\S+/.exec(await daemon.tctl('users', 'reset', 'root'))?.[0] ?? ''
      const password = 'four unrelated words today'
      for (const argv of [
        ['invite', link],
        ['login', `--proxy=${proxy}`, '--user=root'],
      ]) {
        const secret = ['--insecure', '--password-stdin']
        const done = await machine.runWith(`${password}\n`, 'tsh', ...argv, ...secret)
        expect(done, done.stderr).toMatchObject({ code: 0 })
      }
      expect(JSON.parse(await machine.mustTctl('status', '--format=json'))).toMatchObject({
        cluster_name: 'e2e.example.com',
        user: 'root',
      })
      expect(await machine.run('tsh', 'logout')).toMatchObject({ code: 0 })
      expect((await machine.tctl('status')).code).toBe(4)
    })
  })
}

/** A person's machine: a home, the product on the PATH, and nothing of the environment of the tests. */
class Machine {
  readonly home: string
  readonly env: Record<string, string>
  readonly #flags: readonly string[]

  constructor(home: string, flags: readonly string[]) {
    this.home = home
    this.#flags = flags
    this.env = {
      PATH: [BIN, dirname(process.execPath), process.env['PATH']].join(delimiter),
      HOME: home,
      KUBECONFIG: join(home, '.kube', 'config'),
      // Where edited texts lie: seen to be empty afterwards.
      TMPDIR: home,
    }
  }

  /** `tctl` with the flags of this machine, as words of a command line. */
  get words(): readonly string[] {
    return ['tctl', ...this.#flags]
  }

  run(program: string, ...args: readonly string[]): Promise<Finished> {
    return this.runWith('', program, ...args)
  }

  runWith(input: string, program: string, ...args: readonly string[]): Promise<Finished> {
    return runProgram(join(BIN, program), args, { cwd: this.home, env: this.env, input })
  }

  tctl(...args: readonly string[]): Promise<Finished> {
    return this.run('tctl', ...this.#flags, ...args)
  }

  async mustTctl(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tctl(...args)
    expect(code, stderr).toBe(0)
    return stdout
  }

  /** A program of the person's own in the home. */
  async script(name: string, lines: string): Promise<void> {
    const path = join(this.home, name)
    await writeFile(path, `#!/bin/sh\nset -eu\n${lines}\n`)
    await chmod(path, 0o755)
  }

  /** Directories of texts that were edited. */
  async leftovers(): Promise<readonly string[]> {
    return (await readdir(this.home)).filter((name) => name.startsWith('tctl-edit-'))
  }
}
