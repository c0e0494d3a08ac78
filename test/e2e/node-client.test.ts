import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { Attach, Cp, Exec, KubeConfig, PortForward, type V1Status } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Cluster, clusters, contextOf } from './support/environment.ts'
import { SessionEstate, type Told } from './support/session-estate.ts'

const TRUST = { timeout: 60_000, interval: 200 } as const
const sha = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

/** What came on a stream. */
class Collected extends Writable {
  readonly #chunks: Buffer[] = []
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(chunk)
    done()
  }
  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }
  get text(): string {
    return this.bytes.toString()
  }
}

/** The same with a size, as the client looks for it. */
class Terminal extends Collected {
  columns = 101
  rows = 41
  become(columns: number, rows: number): void {
    this.columns = columns
    this.rows = rows
    this.emit('resize')
  }
}

/** Tells how a command ended that something else of the client runs. */
class WatchedExec extends Exec {
  readonly ended = Promise.withResolvers<V1Status>()
  override exec(...args: Parameters<Exec['exec']>): ReturnType<Exec['exec']> {
    const [namespace, pod, container, command, out, err, input, tty, told] = args
    return super.exec(namespace, pod, container, command, out, err, input, tty, (status) => {
      this.ended.resolve(status)
      told?.(status)
    })
  }
}

interface Ran {
  readonly out: string
  readonly err: string
  readonly status: V1Status
}

/** Auth, a proxy and an agent behind its tunnel, each a process, before the real clusters, and a client that speaks nothing but WebSocket. */
describe('sessions of @kubernetes/client-node', () => {
  let here: SessionEstate

  beforeAll(async () => {
    if (clusters.length > 0) here = await SessionEstate.open(clusters)
  }, 300_000)
  afterAll(() => here?.[Symbol.asyncDispose]())

  const through = (cluster: Cluster): KubeConfig => {
    const config = new KubeConfig()
    config.loadFromFile(here.kubeconfig)
    config.setCurrentContext(`estate.example.com-${contextOf(cluster)}`)
    return config
  }
  const straight = (cluster: Cluster): KubeConfig => {
    const config = new KubeConfig()
    config.loadFromFile(cluster.kubeconfig)
    return config
  }

  /** Runs a command to its end. */
  async function run(
    config: KubeConfig,
    command: readonly string[],
    input: Readable | null = null,
    out: Collected = new Collected(),
  ): Promise<Ran> {
    const err = new Collected()
    const exec = new WatchedExec(config)
    const tty = out instanceof Terminal
    await exec.exec(here.namespace, 'box', 'main', [...command], out, tty ? null : err, input, tty)
    const status = await exec.ended.promise
    return { out: out.text, err: err.text, status }
  }

  for (const cluster of clusters) {
    /** Both ways; what a program sees is the same. */
    const same = async (work: (config: KubeConfig) => Promise<Ran>): Promise<Ran> => {
      const ours = await work(through(cluster))
      expect(ours).toEqual(await work(straight(cluster)))
      return ours
    }
    const told = (name: string): Promise<Told[]> => here.told(cluster, name)

    describe(`on Kubernetes ${cluster.version}`, () => {
      const mark = `n${randomBytes(6).toString('hex')}`

      it('a command says what it says without us, in words and in bytes, and how it ended', async () => {
        const script = `echo ${mark}-out; echo aside >&2; exit 3`
        const words = await same((config) => run(config, ['sh', '-c', script]))
        expect(words).toMatchObject({ out: `${mark}-out\n`, err: 'aside\n' })
        expect(words.status.details?.causes).toMatchObject([{ reason: 'ExitCode', message: '3' }])
        const out = new Collected()
        await run(through(cluster), ['head', '-c', '300000', '/bin/busybox'], null, out)
        const hashes = 'head -c 300000 /bin/busybox | sha256sum'
        const hash = await here.direct(cluster, ['exec', 'box', '--', 'sh', '-c', hashes])
        expect(hash).toContain(sha(out.bytes))
        await same((config) => run(config, ['no-such-program']).then(withoutIds))
      })

      it('a command is heard, as long as somebody speaks to it', async () => {
        const answers = 'read x; echo heard $x; exit 4'
        const input = (): Readable => {
          const said = new PassThrough()
          said.write('what is said\n')
          return said
        }
        const heard = await same((config) => run(config, ['sh', '-c', answers], input()))
        expect(heard.out).toBe('heard what is said\n')
        // Old API servers have no word for the end of input, and cut the client off. We have.
        const text = randomBytes(300_000).toString('base64')
        const whole = await run(through(cluster), ['sha256sum'], Readable.from([text]))
        expect(whole.out).toContain(sha(Buffer.from(text)))
      })

      it('a command is heard also when words come as text, nothing at all, and a file in one message', async () => {
        const script = 'read x; echo heard $x; head -c 2000000 | wc -c; exit 4'
        const work = async (config: KubeConfig): Promise<Ran> => {
          const [out, err] = [new Collected(), new Collected()]
          const exec = new WatchedExec(config)
          const command = ['sh', '-c', script]
          const input = new PassThrough()
          const socket = await exec.exec(
            ...([here.namespace, 'box', 'main', command, out, err, input, false] as const),
          )
          socket.send('')
          socket.send('\u0000what is said\n')
          socket.send(Buffer.alloc(2_000_001))
          const status = await exec.ended.promise
          return { out: out.text, err: err.text, status }
        }
        const { out, status } = await same(work)
        expect(out).toBe('heard what is said\n2000000\n')
        expect(status.details?.causes).toMatchObject([{ message: '4' }])
      })

      it('a terminal has its size, also when that changes', async () => {
        // busybox complains for as long as there is no size yet.
        const until = (size: string, word: string): string =>
          `while [ "$(stty size 2>/dev/null)" != "${size}" ]; do sleep 0.1; done; echo ${word}; `
        const script = `stty -echo; echo ${mark}-tty >/dev/null; ${until('41 101', 'first')}${until('30 90', 'second')}read x; echo got $x; exit 5`
        const work = async (config: KubeConfig): Promise<Ran> => {
          const input = new PassThrough()
          const terminal = new Terminal()
          const ran = run(config, ['sh', '-c', script], input, terminal)
          await vi.waitUntil(() => terminal.text.includes('first'), TRUST)
          terminal.become(90, 30)
          await vi.waitUntil(() => terminal.text.includes('second'), TRUST)
          input.write('something\n')
          return ran
        }
        const screen = await same(work)
        expect(screen.out).toBe('first\r\nsecond\r\ngot something\r\n')
        expect(screen.status.details?.causes).toMatchObject([{ message: '5' }])
      })

      it('who attaches sees what the pod says', async () => {
        for (const config of [through(cluster), straight(cluster)]) {
          const out = new Collected()
          const attach = new Attach(config)
          const socket = await attach.attach(here.namespace, 'box', 'main', out, null, null, false)
          await vi.waitUntil(() => out.text.includes('the box lives\nthe box lives\n'), TRUST)
          socket.close()
        }
      })

      it('files are copied both ways', async () => {
        const content = randomBytes(700_000)
        const at = join(here.estate.directory, `node-${mark}`)
        const [from, to] = [join(at, 'from'), join(at, 'to')]
        for (const path of [from, to]) await mkdir(path, { recursive: true })
        await writeFile(join(from, `${mark}.bin`), content)
        await here.direct(cluster, ['exec', 'box', '--', 'mkdir', '-p', `/tmp/${mark}`])

        const into = new WatchedExec(through(cluster))
        const { namespace } = here
        await new Cp(through(cluster), into).cpToPod(namespace, 'box', 'main', from, `/tmp/${mark}`)
        expect((await into.ended.promise).status).toBe('Success')
        const inside = ['exec', 'box', '--', 'sha256sum', `/tmp/${mark}/${mark}.bin`]
        expect(await here.direct(cluster, inside)).toContain(sha(content))

        const out = new WatchedExec(through(cluster))
        await new Cp(through(cluster), out).cpFromPod(namespace, 'box', 'main', mark, to, '/tmp')
        expect((await out.ended.promise).status).toBe('Success')
        const copied = join(to, mark, `${mark}.bin`)
        await vi.waitUntil(
          async () => (await readFile(copied).catch(() => Buffer.alloc(0))).equals(content),
          TRUST,
        )
      })

      it('a port is reached', async () => {
        for (const config of [through(cluster), straight(cluster)]) {
          const [input, output, errors] = [new PassThrough(), new Collected(), new Collected()]
          const forward = new PortForward(config)
          const { namespace } = here
          const socket = await forward.portForward(namespace, 'box', [8080], output, errors, input)
          input.write('GET / HTTP/1.0\r\n\r\n')
          await vi.waitUntil(() => output.text.includes('from-the-box'), TRUST)
          expect(errors.text).toBe('')
          if ('close' in socket) socket.close()
        }
      })

      it('all of it leaves its evidence', async () => {
        const ofMark = async (name: string, word: string): Promise<Told | undefined> =>
          (await told(name)).find((one) =>
            String(one['command'] ?? one['initial_command']).includes(word),
          )
        await vi.waitUntil(
          async () => (await ofMark('session.end', `${mark}-tty`)) !== undefined,
          TRUST,
        )
        const exec = await ofMark('exec', `${mark}-out`)
        expect(exec).toMatchObject({ user: 'alice', exitCode: '3', kubernetes_pod_name: 'box' })
        const tty = await ofMark('session.end', `${mark}-tty`)
        expect(tty).toMatchObject({ exit_code: 5, size: '90:30', recorded: true })
        const [port] = (await told('port')).filter(({ sid }) => sid !== undefined)
        expect(port).toMatchObject({ user: 'alice', addr: 'box:8080', success: true })

        const copies = {
          in: await ofMark('session.end', `-C /tmp/${mark}`),
          out: await ofMark('session.end', `-C /tmp ${mark}`),
        }
        for (const [direction, { sid } = {}] of Object.entries(copies)) {
          const isKept = async (): Promise<boolean> =>
            (await here.recordings()).some(
              (row) => row['session_id'] === sid && row['state'] === 'complete',
            )
          await vi.waitUntil(isKept, TRUST)
          const text = await here.tsh('play', '--format=text', String(sid))
          expect(text).toMatch(
            new RegExp(`copied ${direction}: file 0\\d+ 700000 bytes .*${mark}\\.bin`),
          )
        }
      })
    })
  }
})

/** API servers say it once more to who speaks another version of the protocol, and each exec has another id. */
const withoutIds = (ran: Ran): Ran =>
  JSON.parse(
    JSON.stringify(ran)
      .replace(/\b[0-9a-f]{64}\b/g, 'ID')
      .replace(/(Internal error occurred: )+/g, '$1'),
  ) as Ran
