import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { load } from 'load-asciicast'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../support/daemon.ts'
import { Running } from '../support/process.ts'
import { startBox } from './support/box.ts'
import {
  ABSENT,
  CLUSTER_VERSIONS,
  clusters,
  contextOf,
  KUBECTL_VERSIONS,
  kubectls,
  kubectlWith,
  mergedKubeconfig,
} from './support/environment.ts'
import { Person } from './support/person.ts'

const PATIENTLY = { timeout: 60_000, interval: 500 }
/** One without any client at all would be no proof. */
const HERE = clusters.length > 0 && kubectls.length > 0

interface Listed {
  readonly session_id: string
  readonly kube_cluster: string
  readonly command: readonly string[]
  readonly exit_code: number | null
  readonly state: string
}

/** What people did with kubectl in real clusters, watched by somebody else with tsh. */
describe.skipIf(!HERE)(`recordings of real sessions${HERE ? '' : ' (no cluster here)'}`, () => {
  const namespace = `recorded-${Date.now().toString(36)}`
  const stack = new AsyncDisposableStack()
  let directory: string
  let daemon: TestDaemon
  let rita: Person
  let alice: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'recorded-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    daemon = stack.use(await TestDaemon.start({ kubeconfig: await mergedKubeconfig(directory) }))
    const role = join(directory, 'role.yaml')
    await writeFile(
      role,
      'kind: role\nversion: v7\nmetadata: {name: reviewer}\nspec: {allow: {rules: [{resources: [session], verbs: [list, read]}]}}\n',
    )
    await daemon.tctl('create', '-f', role)
    await daemon.tctl('users', 'add', 'alice', '--k8s-groups=system:masters')
    await daemon.tctl('users', 'add', 'rita', '--roles=reviewer')
    await daemon.tctl('auth', 'sign', '--user=rita', '--format=file', `--out=${directory}/rita.pem`)
    alice = await daemon.sign('alice')
    rita = new Person(directory)
    for (const cluster of clusters) stack.defer(await startBox(cluster, namespace))
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  const tsh = async (...args: readonly string[]): Promise<string> => {
    const proxy = `--proxy=127.0.0.1:${daemon.ports.web}`
    const done = await rita.tsh(proxy, '-i', join(directory, 'rita.pem'), ...args)
    expect(done, done.stderr).toMatchObject({ code: 0 })
    return done.stdout
  }
  /** The recording of the command that has this mark in it, once all of it is there. */
  async function recorded(mark: string): Promise<Listed> {
    let found: Listed | undefined
    await expect
      .poll(async () => {
        const all = JSON.parse(
          await tsh('recordings', 'ls', '--format=json', `--namespace=${namespace}`),
        ) as Listed[]
        found = all.find(({ command }) => command.join(' ').includes(mark))
        return found?.state
      }, PATIENTLY)
      .toBe('complete')
    if (found === undefined) throw new Error(`nothing was recorded of ${mark}`)
    return found
  }

  const pairs = CLUSTER_VERSIONS.flatMap((cluster) =>
    KUBECTL_VERSIONS.map((kubectl) => ({ cluster, kubectl })),
  )
  for (const { cluster: version, kubectl } of pairs) {
    const cluster = clusters.find((one) => one.version === version) ?? ABSENT
    const path = kubectls.find((one) => one.version === kubectl)?.path ?? ''
    const missing = cluster === ABSENT || path === ''
    const name = `kubectl ${kubectl} in a cluster of ${version}${missing ? ' (not here)' : ''}`

    it.skipIf(missing)(
      `${name}: without a terminal, stdout and stderr are told apart`,
      async () => {
        const mark = `pipe-${kubectl}-${version}`
        const run = kubectlWith(path, alice, `e2e.example.com-${contextOf(cluster)}`, directory)
        const script = `echo ${mark}; echo oops >&2; exit 3`
        const done = await run(['-n', namespace, 'exec', 'box', '--', 'sh', '-c', script])
        expect(done.code).toBe(3)
        const { session_id: id, exit_code: code } = await recorded(mark)
        expect(code).toBe(3)
        const frames = (await tsh('play', '--format=json', id)).trimEnd().split('\n')
        const said = (stream: string): string =>
          frames
            .map((line) => JSON.parse(line) as { stream?: string; text?: string })
            .filter((frame) => frame.stream === stream)
            .map(({ text }) => text)
            .join('')
        expect({ out: said('stdout'), err: said('stderr') }).toEqual({
          out: `${mark}\n`,
          err: 'oops\n',
        })
      },
    )

    it.skipIf(missing)(`${name}: a shell plays, and foreign parsers take it`, async () => {
      const mark = `shell-${kubectl}-${version}`
      const line = `${path} --kubeconfig ${alice} --context e2e.example.com-${contextOf(cluster)} -n ${namespace} exec -it box -- env MARK=${mark} sh`
      await using terminal = new Running('script', ['-qefc', line, '/dev/null'], {
        cwd: directory,
        env: { ...process.env, HOME: directory, TERM: 'xterm' },
      })
      await terminal.until(({ stdout }) => stdout.includes('#'))
      terminal.child.stdin?.write('echo $MARK | tr a-z A-Z\r')
      await terminal.until(({ stdout }) => stdout.includes(mark.toUpperCase()))
      terminal.child.stdin?.write('exit\r')
      await terminal.ended()
      const { session_id: id } = await recorded(mark)
      expect(await tsh('play', '--format=text', id)).toContain(`\n${mark.toUpperCase()}\n`)
      const cast = join(directory, `${mark}.cast`)
      await tsh('recordings', 'export', id, `--out=${cast}`)
      const parsed = load(await readFile(cast, 'utf8'), {})
      expect(parsed.version).toBe(2)
      expect(parsed.frames.length).toBeGreaterThan(1)
    })
  }
})
