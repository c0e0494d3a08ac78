import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { parseAllDocuments, stringify } from 'yaml'
import { type Finished, mustRun, runProgram } from './process.ts'

const CHARTS = resolve(import.meta.dirname, '../../charts')

/** The real helm of this machine (`TELEPORT_TEST_HELM`, else that of the PATH); null where there is none. */
export const helmPath: string | null = findHelm()
/** For the names of suites that cannot run. */
export const withoutHelm = helmPath === null ? ' (no helm here)' : ''

function findHelm(): string | null {
  const named = process.env['TELEPORT_TEST_HELM'] ?? ''
  if (named !== '') return named
  const paths = (process.env['PATH'] ?? '').split(delimiter).map((path) => join(path, 'helm'))
  return paths.find((path) => existsSync(path)) ?? null
}

/** An object as it would be sent to a cluster. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  /** A document of whatever kind: what was parsed has any shape. */
  readonly [field: string]: ReturnType<typeof JSON.parse>
}

/** Helm with a home of its own: no repositories, plugins or releases of whoever runs the tests. */
export class Helm implements AsyncDisposable {
  readonly directory: string

  private constructor(directory: string) {
    this.directory = directory
  }

  static async open(): Promise<Helm> {
    return new Helm(await mkdtemp(join(tmpdir(), 'helm-')))
  }

  get env(): Record<string, string> {
    return {
      HELM_CACHE_HOME: join(this.directory, 'cache'),
      HELM_CONFIG_HOME: join(this.directory, 'config'),
      HELM_DATA_HOME: join(this.directory, 'data'),
    }
  }

  run(...args: readonly string[]): Promise<Finished> {
    return runProgram(helmPath ?? 'helm', args, { env: this.env, timeoutMs: 180_000 })
  }

  mustRun(...args: readonly string[]): Promise<string> {
    return mustRun(helmPath ?? 'helm', args, { env: this.env, timeoutMs: 180_000 })
  }

  /** Writes values to a file, for values that `--set` would read otherwise. */
  async values(values: object): Promise<string> {
    const path = join(this.directory, `${crypto.randomUUID()}.yaml`)
    await writeFile(path, stringify(values))
    return path
  }

  async tryTemplate(chart: string, values: object, ...flags: string[]): Promise<Finished> {
    const file = await this.values(values)
    return this.run('template', 'rel', join(CHARTS, chart), '-n', 'ns', '-f', file, ...flags)
  }

  /** The objects of a release `rel` in the namespace `ns`, hooks included. */
  async template(chart: string, values: object, ...flags: string[]): Promise<KubeObject[]> {
    const { code, stdout, stderr } = await this.tryTemplate(chart, values, ...flags)
    if (code !== 0) throw new Error(stderr)
    return parseAllDocuments(stdout)
      .map((document) => document.toJS() as KubeObject | null)
      .filter((object) => object !== null)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }
}

/** The one object of a kind, or of a kind and a name. */
export function only(objects: readonly KubeObject[], kind: string, name?: string): KubeObject {
  const found = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  )
  const [first] = found
  if (first === undefined || found.length > 1)
    throw new Error(`${found.length} objects of the kind ${kind} ${name ?? ''}`)
  return first
}

export const isHook = ({ metadata }: KubeObject): boolean =>
  metadata.annotations?.['helm.sh/hook'] !== undefined

/** `Kind/name`, sorted. */
export const namesOf = (objects: readonly KubeObject[]): string[] =>
  objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort()
