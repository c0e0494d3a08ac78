import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { Running } from '../../support/process.ts'
import type { GatewayProcessOptions, HostileCommand } from './gateway-process.ts'

/** A gateway in a process of its own, with a home of its own below `directory`. */
export class Gateway implements AsyncDisposable {
  readonly home: string
  readonly process: Running

  private constructor(home: string, running: Running) {
    this.home = home
    this.process = running
  }

  static async start(
    directory: string,
    options: Partial<GatewayProcessOptions> & Pick<GatewayProcessOptions, 'servicePort'>,
  ): Promise<Gateway> {
    const home = await mkdtemp(join(directory, 'gateway-'))
    const all: GatewayProcessOptions = {
      kind: 'honest',
      plain: null,
      pair: null,
      hostCa: null,
      rename: null,
      ...options,
    }
    const program = join(import.meta.dirname, 'gateway-process.ts')
    const gateway = new Gateway(
      home,
      new Running(process.execPath, [program, JSON.stringify(all)], {
        cwd: home,
        env: { PATH: process.env['PATH'], HOME: home, TMPDIR: home },
      }),
    )
    await gateway.process.until(({ stdout }) => stdout.includes('port '))
    return gateway
  }

  get port(): number {
    return Number(/^port (\d+)$/m.exec(this.process.stdout)?.[1])
  }

  /** Makes the hostile one do something, or the one in the middle tell what it heard; gives what it says of it. */
  async command(command: HostileCommand | 'heard'): Promise<string> {
    const before = this.process.stdout.length
    this.process.child.stdin?.write(`${command}\n`)
    await this.process.until(({ stdout }) => stdout.slice(before).includes('done\n'))
    return this.process.stdout.slice(before)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.process[Symbol.asyncDispose]()
  }
}
