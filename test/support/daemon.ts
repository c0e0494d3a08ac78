import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { freePort } from './free-port.ts'
import { type Finished, mustRun, Running, runProgram } from './process.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const bin = (name: string): string => join(ROOT, 'bin', name)

export interface DaemonOptions {
  /** The clusters that it serves; each context becomes one. */
  readonly kubeconfig: string
  readonly labels?: Readonly<Record<string, string>>
  /** Merged into the configuration file, section by section. */
  readonly config?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly env?: Readonly<Record<string, string>>
  /** Reuse a directory that an earlier daemon left. */
  readonly directory?: string
  /** The user as whom it runs, when not as the test's own: its directory is given to him. */
  readonly uid?: number
}

/** The real `teleport` in a process of its own, with a configuration file, ports and data of its own. */
export class TestDaemon implements AsyncDisposable {
  readonly directory: string
  readonly configFile: string
  readonly ports: {
    readonly auth: number
    readonly web: number
    readonly kube: number
    readonly diag: number
  }
  readonly process: Running
  readonly #ownsDirectory: boolean

  private constructor(
    directory: string,
    configFile: string,
    ports: TestDaemon['ports'],
    running: Running,
    ownsDirectory: boolean,
  ) {
    this.directory = directory
    this.configFile = configFile
    this.ports = ports
    this.process = running
    this.#ownsDirectory = ownsDirectory
  }

  /** Starts it and waits until it says that it is ready. */
  static async start(options: DaemonOptions): Promise<TestDaemon> {
    const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'teleport-e2e-')))
    await mkdir(join(directory, 'data'), { recursive: true, mode: 0o700 })
    const [auth, web, kube, diag] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ]
    const ports = { auth, web, kube, diag }
    const extra = options.config ?? {}
    const config = {
      teleport: {
        nodename: 'e2e',
        data_dir: join(directory, 'data'),
        log: { severity: 'INFO', output: 'stderr' },
        ...extra['teleport'],
      },
      auth_service: {
        enabled: true,
        cluster_name: 'e2e.example.com',
        listen_addr: `127.0.0.1:${auth}`,
        ...extra['auth_service'],
      },
      proxy_service: {
        enabled: true,
        web_listen_addr: `127.0.0.1:${web}`,
        kube_listen_addr: `127.0.0.1:${kube}`,
        kube_public_addr: `127.0.0.1:${kube}`,
        ...extra['proxy_service'],
      },
      kubernetes_service: {
        enabled: true,
        kubeconfig_file: options.kubeconfig,
        ...(options.labels === undefined ? {} : { labels: options.labels }),
        ...extra['kubernetes_service'],
      },
    }
    const configFile = join(directory, 'teleport.yaml')
    await writeFile(configFile, stringify(config), { mode: 0o600 })
    if (options.uid !== undefined) {
      for (const path of [directory, join(directory, 'data'), configFile]) {
        await chown(path, options.uid, options.uid)
      }
    }
    const running = new Running(
      bin('teleport'),
      ['start', '-c', configFile, `--diag-addr=127.0.0.1:${diag}`],
      {
        cwd: directory,
        env: { ...process.env, ...options.env },
        ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
      },
    )
    const daemon = new TestDaemon(
      directory,
      configFile,
      ports,
      running,
      options.directory === undefined,
    )
    await daemon.#untilReady()
    return daemon
  }

  async #untilReady(): Promise<void> {
    const url = `http://127.0.0.1:${this.ports.diag}/readyz`
    const deadline = Date.now() + 60_000
    for (;;) {
      const { exitCode, signalCode } = this.process.child
      if (exitCode !== null || signalCode !== null) {
        throw new Error(`teleport ended with ${exitCode ?? signalCode}\n${this.process.stderr}`)
      }
      const ready = await fetch(url).then(
        (response) => response.status === 200,
        () => false,
      )
      if (ready) return
      if (Date.now() > deadline) throw new Error(`teleport is not ready\n${this.process.stderr}`)
      await new Promise((done) => setTimeout(done, 50))
    }
  }

  /** Runs `tctl` against this daemon; throws unless it succeeds. */
  async tctl(...args: readonly string[]): Promise<string> {
    return mustRun(bin('tctl'), ['-c', this.configFile, ...args], { cwd: this.directory })
  }

  /** Runs `tctl` and gives what came out, failure included. */
  async tryTctl(args: readonly string[], input?: string): Promise<Finished> {
    return runProgram(bin('tctl'), ['-c', this.configFile, ...args], {
      cwd: this.directory,
      ...(input === undefined ? {} : { input }),
    })
  }

  /** Writes a kubeconfig for a user that exists, and resolves to its path. */
  async sign(user: string, ...flags: readonly string[]): Promise<string> {
    const path = join(this.directory, `${user}.kubeconfig`)
    await this.tctl(
      'auth',
      'sign',
      `--user=${user}`,
      '--format=kubernetes',
      `--out=${path}`,
      '--overwrite',
      ...flags,
    )
    return path
  }

  /** Audit events, newest first, as objects. */
  async events(...flags: readonly string[]): Promise<Record<string, unknown>[]> {
    const text = await this.tctl('audit', 'ls', '--format=json', '--limit=10000', ...flags)
    return JSON.parse(text) as Record<string, unknown>[]
  }

  /** Ends the process, but keeps the directory, so that another daemon may take it over. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    return this.process.end(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.end('SIGTERM')
    if (this.#ownsDirectory) await rm(this.directory, { recursive: true, force: true })
  }
}
