import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { freePort } from './free-port.ts'
import { Running } from './process.ts'

const TELEPORT = resolve(import.meta.dirname, '../../bin/teleport')

type Sections = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** `teleport start` with the services that its sections enable, in a directory that outlives it: killed, it starts again as it was. */
export class ServiceProcess implements AsyncDisposable {
  readonly directory: string
  readonly configFile: string
  readonly name: string
  #running: Running | null = null
  #diag = 0

  private constructor(parent: string, name: string) {
    this.directory = join(parent, name)
    this.configFile = join(this.directory, 'teleport.yaml')
    this.name = name
  }

  /** What no section enables stays off. */
  static async prepare(
    parent: string,
    name: string,
    sections: Sections,
    files: Readonly<Record<string, string>> = {},
  ): Promise<ServiceProcess> {
    const service = new ServiceProcess(parent, name)
    await mkdir(join(service.directory, 'data'), { recursive: true, mode: 0o700 })
    for (const [file, text] of Object.entries(files)) {
      await writeFile(join(service.directory, file), text, { mode: 0o600 })
    }
    const on = (section: string): object => ({ enabled: sections[section] !== undefined })
    const config = {
      ...sections,
      teleport: {
        nodename: name,
        data_dir: join(service.directory, 'data'),
        ...sections['teleport'],
      },
      auth_service: { ...on('auth_service'), ...sections['auth_service'] },
      proxy_service: { ...on('proxy_service'), ...sections['proxy_service'] },
      kubernetes_service: { ...on('kubernetes_service'), ...sections['kubernetes_service'] },
    }
    await writeFile(service.configFile, stringify(config), { mode: 0o600 })
    return service
  }

  get running(): Running {
    if (this.#running === null) throw new Error(`${this.name} does not run`)
    return this.#running
  }

  /** Resolves when it says that it is ready. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const diag = await freePort()
    this.#diag = diag
    const running = new Running(
      TELEPORT,
      ['start', '-c', this.configFile, `--diag-addr=127.0.0.1:${diag}`],
      { cwd: this.directory, env: { ...process.env, ...env } },
    )
    this.#running = running
    const deadline = Date.now() + 120_000
    for (;;) {
      const ready = await fetch(`http://127.0.0.1:${diag}/readyz`).then(
        ({ status }) => status === 200,
        () => false,
      )
      if (ready) return
      const { exitCode, signalCode } = running.child
      if (exitCode !== null || signalCode !== null || Date.now() > deadline) {
        throw new Error(`${this.name} is not ready\n${running.stderr}`)
      }
      await new Promise((done) => setTimeout(done, 50))
    }
  }

  /** What it counts under this name now. */
  async metric(name: string): Promise<number> {
    const text = await fetch(`http://127.0.0.1:${this.#diag}/metrics`).then((said) => said.text())
    const line = text.split('\n').find((each) => each.startsWith(`${name} `))
    if (line === undefined) throw new Error(`${this.name} counts nothing under ${name}`)
    return Number(line.slice(name.length))
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await this.#running?.end(signal)
    this.#running = null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGTERM')
  }
}
