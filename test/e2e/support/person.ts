import { readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Finished, runProgram } from '../../support/process.ts'

export const TSH: string = resolve(import.meta.dirname, '../../../bin/tsh')

/** Somebody with a home of his own, at a shell. */
export class Person {
  readonly home: string
  constructor(home: string) {
    this.home = home
  }

  get env(): Record<string, string | undefined> {
    return {
      HOME: this.home,
      TELEPORT_HOME: undefined,
      TELEPORT_PROXY: undefined,
      TELEPORT_USER: undefined,
      KUBECONFIG: undefined,
    }
  }

  tsh(...args: readonly string[]): Promise<Finished> {
    return this.tshReading('', ...args)
  }

  tshReading(input: string, ...args: readonly string[]): Promise<Finished> {
    return runProgram(TSH, args, { env: this.env, input, timeoutMs: 300_000 })
  }

  run(program: string, ...args: readonly string[]): Promise<Finished> {
    return runProgram(program, args, { env: this.env })
  }

  kubeconfig(): Promise<string> {
    return readFile(join(this.home, '.kube', 'config'), 'utf8')
  }

  /** Makes the login look as it will after its end: to this machine's clock, not to the server. */
  async expire(): Promise<void> {
    const profiles = join(this.home, '.tsh', 'profiles')
    for (const name of await readdir(profiles)) {
      const path = join(profiles, name, 'identity.json')
      const identity = JSON.parse(await readFile(path, 'utf8')) as { expires_at_ms: number }
      identity.expires_at_ms = Date.now() - 3 * 60_000
      await writeFile(path, JSON.stringify(identity))
      const past = new Date(Date.now() - 60_000)
      await utimes(join(profiles, name, 'kube-credentials'), past, past)
    }
  }
}
