import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeTeleport } from '../../support/fake-teleport.ts'
import { Person, type Ran } from '../../support/tsh.ts'

const PASSWORD = 'correct horse battery'

let teleport: FakeTeleport
let joe: Person
beforeEach(async () => {
  teleport = await FakeTeleport.start({
    kubeClusters: [
      { name: 'dev-a', labels: { env: 'dev' } },
      { name: 'dev-long', labels: { env: 'dev' } },
      { name: 'gone', labels: { env: 'old' }, online: false },
      { name: 'prod', labels: { env: 'prod' } },
    ],
  })
  joe = await Person.arrive()
  const { code } = await joe.tshAnswering(
    [PASSWORD],
    'login',
    `--proxy=${teleport.proxy}`,
    '--user=joe',
    `--ca-pin=${teleport.is.authority.pin}`,
  )
  expect(code).toBe(0)
})
afterEach(async () => {
  await joe[Symbol.asyncDispose]()
  await teleport[Symbol.asyncDispose]()
})

/** A `kubectl` that does as it is told in shell; `$context` is what its kubeconfig selects. */
async function program(script: string, name = 'kubectl'): Promise<void> {
  const bin = join(joe.home, 'bin')
  await mkdir(bin, { recursive: true })
  joe.env = { ...joe.env, PATH: `${bin}:/usr/bin:/bin`, HOME: joe.home }
  const context = `context=$(sed -n 's/^current-context: //p' "$KUBECONFIG")`
  await writeFile(join(bin, name), `#!/bin/sh\n${context}\n${script}\n`, { mode: 0o755 })
}

const each = (...argv: string[]): Promise<Ran> => joe.tsh('kube', 'each', ...argv)
const leftOver = async (): Promise<string[]> =>
  (await readdir(tmpdir())).filter((name) => name.startsWith('tsh-each-'))

describe('tsh kube each', () => {
  it('runs in the clusters that are meant, each with a kubeconfig of its own', async () => {
    await program('echo "$context: $*"')
    const before = await leftOver()
    const { code, out, err } = await each('-l', 'env=dev', '--', 'get', 'pods', '-n', 'x y')
    expect(code).toBe(0)
    expect(out.trimEnd().split('\n').sort()).toEqual([
      `dev-a    | ${teleport.is.clusterName}-dev-a: get pods -n x y`,
      `dev-long | ${teleport.is.clusterName}-dev-long: get pods -n x y`,
    ])
    expect(err).toMatch(/^tsh: done in 2 of 2 clusters \(\d+\.\d s\)\n$/)
    expect(await leftOver()).toEqual(before)
  })

  it('keeps the keys to the person alone while it runs', async () => {
    await program('stat -c %a "$KUBECONFIG" "$(dirname "$KUBECONFIG")" | tr "\\n" " "')
    expect((await each('-l', 'env=prod', '--quiet', '--', 'x')).out).toBe('prod | 600 700 \n')
  })

  it('says where it did not go well, and tries nothing where nobody serves', async () => {
    await program('case $context in *-prod) echo no >&2; exit 3;; esac')
    const { code, out, err } = await each('--all', '--', 'x')
    expect(code).toBe(1)
    expect(out).toBe('')
    expect(err.split('\n')).toEqual([
      'prod     | no',
      expect.stringMatching(/^tsh: done in 2 of 4 clusters/),
      'tsh: gone: offline, nothing was tried',
      'tsh: prod: kubectl ended with exit code 3',
      '',
    ])
  })

  it('stops the others at the first failure, if asked', async () => {
    await program('case $context in *-dev-a) exit 1;; *) exec sleep 600;; esac')
    const { code, err } = await each('--search=dev', '--fail-fast', '--', 'x')
    expect(code).toBe(1)
    expect(err).toContain(
      'tsh: dev-a: kubectl ended with exit code 1\ntsh: dev-long: stopped before it had ended',
    )
  })

  it('does not say of what it stopped that nothing was done', async () => {
    await program(
      'case $context in *-dev-a) until [ -e "$HOME/done" ]; do sleep 0.05; done; exit 1;; *) : >"$HOME/done"; exec sleep 600;; esac',
    )
    const flags = ['--query=name != "gone"', '--parallel=2', '--fail-fast', '--format=json']
    const { out } = await each(...flags, '--', 'x')
    expect(JSON.parse(out)).toMatchObject([
      { kube_cluster_name: 'dev-a', outcome: 'ran', exit_code: 1 },
      { kube_cluster_name: 'dev-long', outcome: 'stopped', exit_code: null },
      { kube_cluster_name: 'prod', outcome: 'skipped', exit_code: null },
    ])
  })

  it('takes its keys away at ctrl-c, whatever the programs make of that', async () => {
    await program(
      'trap "" TERM; echo begun; while [ -e "$KUBECONFIG" ]; do sleep 0.05; done; echo gone',
    )
    const running = joe.tshUntilStopped('kube', 'each', '-l', 'env=prod', '--', 'x')
    await vi.waitUntil(() => running.io.out.includes('begun'), { timeout: 10_000 })
    expect(await running.stop()).toBe(130)
    expect(running.io.out).toContain('gone')
  })

  it('says of a program that cannot be started why', async () => {
    await program('')
    await writeFile(join(joe.home, 'bin', 'text'), 'no program', { mode: 0o600 })
    const { code, err } = await each('--all', '--program=text', '--', 'x')
    expect(code).toBe(1)
    expect(err).toContain('tsh: cannot start "text": permission denied')
    const long = 'x'.repeat(1024 * 1024)
    expect((await each('--all', '--', long)).err).toContain('longer than the system takes')
  })

  it('runs no more at once than it may', async () => {
    await program(
      `mkdir "$HOME/lock" || { echo together; exit 1; }; sleep 0.05; rmdir "$HOME/lock"`,
    )
    const { code, err } = await each('--query=name != "gone"', '--parallel=1', '--', 'x')
    expect(code, err).toBe(0)
  })

  it('gives machines what each of them wrote', async () => {
    await program('echo "{}"; echo hm >&2')
    const { code, out } = await each('-l', 'env', '--format=json', '--', 'x')
    expect(code).toBe(1)
    const ran = (name: string): object => ({
      kube_cluster_name: name,
      outcome: 'ran',
      exit_code: 0,
      duration_ms: expect.any(Number),
      stdout: '{}\n',
      stderr: 'hm\n',
      cut: false,
    })
    expect(JSON.parse(out)).toEqual([
      ran('dev-a'),
      ran('dev-long'),
      expect.objectContaining({ kube_cluster_name: 'gone', outcome: 'offline', exit_code: null }),
      ran('prod'),
    ])
  })

  it('gives everyone the same input, and other programs the kubeconfig', async () => {
    await program('cat', 'helm')
    const ran = await joe.tshReading(
      'a\nb\n',
      ...['kube', 'each', '-l', 'env=dev', '--stdin', '--program=helm', '--group', '-q', '--', 'x'],
    )
    expect(ran.out.split('== ').sort()).toEqual(['', 'dev-a\na\nb\n', 'dev-long\na\nb\n'])
  })

  it('does not wait for a program that reads nothing', async () => {
    await program('exit 0')
    const input = 'x'.repeat(1024 * 1024)
    const flags = ['kube', 'each', '-l', 'env=prod', '--stdin', '--', 'x']
    expect((await joe.tshReading(input, ...flags)).code).toBe(0)
  })

  it.each([
    [['--', 'get', 'pods'], 'in which clusters?'],
    [['--all', '-l', 'env=dev', '--', 'x'], '--all is no selection beside another'],
    [['--all', '--parallel=0', '--', 'x'], '--parallel=0 is not a number from 1 to 64'],
    [['--all', '--', 'get', '--context=x', 'pods'], '--context has no place here'],
    [['--all', '--', '-s', 'x', 'get'], '-s has no place here'],
    [['--all', '--', 'get', 'pods', '-shttps://other:6443'], '-s has no place here'],
    [['--all'], "missing required argument 'args'"],
  ])('%j: %s', async (argv, words) => {
    await program('echo never')
    const { code, out, err } = await each(...argv)
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err).toContain(words)
  })

  it('leaves what stands behind "--" of the program to it', async () => {
    await program('echo "$*"')
    const { out } = await each('-l', 'env=prod', '-q', '--', 'exec', 'p', '--', 'psql', '-s', 'x')
    expect(out).toBe('prod | exec p -- psql -s x\n')
  })

  it('says that there is no such program, and where none of the clusters is like that', async () => {
    joe.env = { PATH: joe.home }
    expect((await each('--all', '--', 'x')).err).toContain('there is no program "kubectl" in $PATH')
    expect((await each('-l', 'env=none', '--', 'x')).err).toContain(
      'none of 4 clusters is like that',
    )
    expect((await stat(joe.home)).isDirectory()).toBe(true)
  })
})
