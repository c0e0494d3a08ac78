import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Finished, mustRun, Running, runProgram } from '../support/process.ts'
import { typeAtTerminal } from '../support/terminal.ts'
import { copyOut } from './support/copy-out.ts'
import {
  CLUSTER_VERSIONS,
  type Cluster,
  clusters,
  contextOf,
  KUBECTL_VERSIONS,
  kubectls,
} from './support/environment.ts'
import { IMAGE, SessionEstate, type Told } from './support/session-estate.ts'

const TRUST = { timeout: 60_000, interval: 200 } as const
const sha = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

/** Auth, a proxy and an agent behind its tunnel, each a process, before the real clusters. */
describe('sessions of unmodified kubectl', () => {
  let here: SessionEstate

  beforeAll(async () => {
    if (clusters.length > 0) here = await SessionEstate.open(clusters)
  }, 300_000)
  afterAll(() => here?.[Symbol.asyncDispose]())

  for (const clusterVersion of CLUSTER_VERSIONS) {
    const cluster = clusters.find(({ version }) => version === clusterVersion)
    for (const kubectlVersion of [...KUBECTL_VERSIONS, '1.32']) {
      const kubectl = kubectls.find(({ version }) => version === kubectlVersion)
      const missing =
        cluster === undefined
          ? 'no such cluster here'
          : kubectl === undefined
            ? 'no such kubectl here'
            : null
      it.skipIf(missing !== null)(
        `kubectl ${kubectlVersion} on Kubernetes ${clusterVersion} behaves as it does without us, and leaves its evidence${missing === null ? '' : ` (${missing})`}`,
        { concurrent: true, timeout: 240_000 },
        async () => {
          if (cluster === undefined || kubectl === undefined) throw new Error('skipped')
          await work(cluster, kubectl.path, kubectlVersion)
        },
      )
    }
  }

  /** What a person sees; each exec has another id, and API servers say it once more to who speaks WebSocket, as we do. */
  const seen = (finished: Finished): Finished => ({
    ...finished,
    stderr: finished.stderr
      .replace(/\b[0-9a-f]{64}\b/g, 'ID')
      .replace(/(Internal error occurred: )+/g, '$1')
      .trim(),
  })

  interface Way {
    readonly name: string
    run(args: readonly string[], input?: string): ReturnType<typeof runProgram>
    /** The same in a line for a shell. */
    line(...args: readonly string[]): string
    /** What goes on until it is ended. */
    start(...args: readonly string[]): Running
    readonly home: string
  }

  async function wayTo(
    name: string,
    kubectl: string,
    flags: readonly string[],
    version: string,
  ): Promise<Way> {
    const home = join(here.estate.directory, `home-${name}-${version}`)
    await mkdir(home, { recursive: true })
    const all = [...flags, `--cache-dir=${home}`, '-n', here.namespace]
    return {
      name,
      home,
      run: (args, input = '') =>
        runProgram(kubectl, [...all, ...args], { input, env: { HOME: home } }),
      start: (...args) =>
        new Running(kubectl, [...all, ...args], { env: { ...process.env, HOME: home } }),
      line: (...args) =>
        [kubectl, ...all, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' '),
    }
  }

  async function work(cluster: Cluster, kubectl: string, version: string): Promise<void> {
    const context = `estate.example.com-${contextOf(cluster)}`
    const through = await wayTo(
      `through-${contextOf(cluster)}`,
      kubectl,
      ['--kubeconfig', here.kubeconfig, '--context', context],
      version,
    )
    const straight = await wayTo(
      `straight-${contextOf(cluster)}`,
      kubectl,
      ['--kubeconfig', cluster.kubeconfig],
      version,
    )
    const mark = `m${randomBytes(6).toString('hex')}`
    /** Runs it both ways; what people and programs see is the same. */
    const same = async (args: readonly string[], input = ''): Promise<string> => {
      const ours = await through.run(args, input)
      const theirs = await straight.run(args, input)
      expect(seen(ours), args.join(' ')).toEqual(seen(theirs))
      return ours.stdout
    }

    // Words on both outputs, and an exit code.
    const words = `echo ${mark}-out; echo ${mark}-err >&2; exit 3`
    await same(['exec', 'box', '--', 'sh', '-c', words])
    // Input, and its end.
    const text = randomBytes(300_000).toString('base64')
    expect(await same(['exec', '-i', 'box', '--', 'sha256sum'], text)).toContain(
      sha(Buffer.from(text)),
    )
    // Bytes that are no text.
    const binary = ['exec', 'box', '--', 'head', '-c', '300000', '/bin/busybox']
    const hashOf = (way: Way): Promise<string> =>
      mustRun('sh', ['-c', `${way.line(...binary)} | sha256sum`], { env: { HOME: way.home } })
    expect(await hashOf(through)).toBe(await hashOf(straight))
    // What is refused, and what is not there.
    await same(['exec', 'box', '--', 'no-such-program'])
    await same(['exec', 'no-such-pod', '--', 'true'])
    await same(['exec', 'box', '-c', 'no-such-container', '--', 'true'])

    // A terminal: its size, what is typed, what is shown.
    const shell = 'stty -echo; tty >/dev/null && echo at-a-terminal; read x; echo got $x'
    const terminal = ['exec', '-it', 'box', '--', 'sh', '-c', `echo ${mark}-tty; ${shell}`]
    const screenOf = (way: Way): Promise<string> =>
      typeAtTerminal(way.line(...terminal), [['at-a-terminal', 'something']], {
        cwd: way.home,
        env: { HOME: way.home },
      })
    const screen = await screenOf(through)
    expect(screen).toContain('got something')
    expect(screen).toBe(await screenOf(straight))

    // Files, both ways.
    const file = join(through.home, 'file')
    const content = randomBytes(1_000_000)
    await writeFile(file, content)
    await here.direct(cluster, ['exec', 'box', '--', 'mkdir', '-p', `/tmp/${mark}`])
    const inside = `/tmp/${mark}/file`
    expect((await through.run(['cp', file, `box:${inside}`])).code).toBe(0)
    expect(await here.direct(cluster, ['exec', 'box', '--', 'sha256sum', inside])).toContain(
      sha(content),
    )
    const back = join(through.home, 'back')
    const copied = await copyOut((args) => through.run(args), version, [`box:${inside}`, back])
    expect(copied.code, copied.stderr).toBe(0)
    expect(sha(await readFile(back))).toBe(sha(content))

    // Somebody looks at what the pod does anyhow, and at a port of it.
    const attachments: string[] = []
    for (const way of [through, straight]) {
      await using attached = way.start('attach', 'box', '-c', 'main')
      await attached.until(({ stdout }) => stdout.includes('the box lives\nthe box lives\n'))
      attachments.push(attached.stderr)
      for (const target of [
        ['pod/box', ':8080'],
        ['svc/box', ':80'],
      ]) {
        await using forward = way.start('port-forward', ...target)
        const told = /Forwarding from 127\.0\.0\.1:(\d+) -> 8080/
        await forward.until(({ stdout }) => told.test(stdout))
        const page = await fetch(`http://127.0.0.1:${told.exec(forward.stdout)?.[1]}/`)
        expect(await page.text()).toBe('from-the-box\n')
      }
    }
    expect(attachments[0]).toBe(attachments[1])

    // What somebody runs for a moment, attached to it. It says again that it is ready, and waits a little with its end: kubelets lose what a
    // process says before somebody is attached, and with its last breath.
    const talks = `while true; do echo ready; read -t 1 x && break; done; echo heard $x; sleep 2`
    const talk = (...args: string[]): Promise<string> =>
      typeAtTerminal(
        through.line(
          ...args,
          '--image',
          IMAGE,
          '--image-pull-policy=Never',
          '--',
          'sh',
          '-c',
          talks,
        ),
        [['ready', 'me']],
        { cwd: through.home, env: { HOME: through.home } },
      )
    expect(await talk('run', mark, '-it', '--rm', '--restart=Never')).toContain('heard me')
    if (cluster.version !== '1.20' && version !== '1.20') {
      expect(await talk('debug', 'box', '-it', `--container=${mark}`)).toContain('heard me')
    }

    await evidence(cluster, mark)
  }

  async function evidence(cluster: Cluster, mark: string): Promise<void> {
    const told = (name: string): Promise<Told[]> => here.told(cluster, name)
    const command = (event: Told): string => String(event['command'] ?? '')
    const started = (event: Told): string => String(event['initial_command'] ?? '')
    const isOfWords = (text: string): boolean => text.includes(`${mark}-out`)
    await vi.waitUntil(
      async () => (await told('exec')).some((one) => isOfWords(command(one))),
      TRUST,
    )
    const exec = (await told('exec')).find((one) => isOfWords(command(one)))
    expect(exec).toMatchObject({
      user: 'alice',
      code: 'T3002E',
      exitCode: '3',
      interactive: false,
      kubernetes_pod_namespace: here.namespace,
      kubernetes_pod_name: 'box',
      kubernetes_container_name: 'main',
      kubernetes_container_image: IMAGE,
    })
    expect(exec?.['kubernetes_node_name']).not.toBe('')
    const tty = (await told('session.end')).find((one) => started(one).includes(`${mark}-tty`))
    expect(tty).toMatchObject({ interactive: true, reason: 'exited', exit_code: 0, recorded: true })
    const attached = (await told('session.end')).filter(
      (one) => one['kubernetes_pod_name'] === mark,
    )
    expect(attached.length).toBeGreaterThan(0)

    const recorded = async (sid: unknown): Promise<boolean> =>
      (await here.recordings()).some((row) => JSON.stringify(row).includes(String(sid)))
    await vi.waitUntil(() => recorded(exec?.['sid']), TRUST)
    await vi.waitUntil(() => recorded(tty?.['sid']), TRUST)
    const words = await here.tsh('play', '--format=text', String(exec?.['sid']))
    expect(words).toContain(`${mark}-out`)
    expect(words).toContain(`${mark}-err`)
    const screen = await here.tsh('recordings', 'export', '--format=cast', String(tty?.['sid']))
    expect(screen).toContain('"version":2')
    expect(screen).toContain('got something')
    const attachments = (await told('session.end')).filter(
      (one) => one['kubernetes_pod_name'] === 'box' && one['initial_command'] === '',
    )
    expect(attachments.length).toBeGreaterThan(0)
    const ports = await told('port')
    expect(ports.some((one) => one['success'] === true && one['addr'] === 'box:8080')).toBe(true)
    const copies = (await told('session.end')).filter(
      (one) => started(one).includes('tar ') && started(one).includes(mark),
    )
    const listed: string[] = []
    for (const { sid } of copies) {
      await vi.waitUntil(() => recorded(sid), TRUST)
      listed.push(await here.tsh('play', '--format=text', String(sid)))
    }
    for (const direction of ['in', 'out']) {
      expect(listed.join('')).toMatch(
        new RegExp(`copied ${direction}: file 0\\d+ 1000000 bytes .*file`),
      )
    }
  }
})
