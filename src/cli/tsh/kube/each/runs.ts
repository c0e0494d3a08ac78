import { getSystemErrorMessage } from 'node:util'
import type { AccessibleCluster } from '../../../../client/index.ts'
import { errorCode, fewAtOnce } from '../../../../core/index.ts'
import { CliError } from '../../../errors.ts'
import type { Io } from '../../../io.ts'
import { type Outcome, succeeded } from './outcome.ts'
import type { Report, ReportOf } from './reports.ts'
import { runProgram } from './run-program.ts'

/** What is run in each cluster. */
export interface Work {
  readonly program: string
  readonly args: readonly string[]
  readonly input: Buffer | null
  /** Paths, by cluster. */
  readonly kubeconfigs: ReadonlyMap<string, string>
}

/** The same program in many clusters, a few at a time. */
export class Runs {
  readonly outcomes = new Map<string, Outcome>()
  readonly #io: Io
  readonly #what: Work

  constructor(io: Io, what: Work) {
    this.#io = io
    this.#what = what
  }

  /** Gives what the reports gave, in the order of the clusters. */
  async all(
    clusters: readonly AccessibleCluster[],
    options: {
      readonly parallel: number
      readonly failFast: boolean
      readonly reportOf: ReportOf
    },
  ): Promise<object[]> {
    const enough = new AbortController()
    const signal = AbortSignal.any([enough.signal, this.#io.signal])
    for (const { name } of clusters) this.outcomes.set(name, { kind: 'skipped' })
    const ends = new Map<string, object>()
    const tasks = clusters.map((cluster) => async (): Promise<void> => {
      const report = options.reportOf(cluster)
      const outcome = await this.#one(cluster, report, signal)
      this.outcomes.set(cluster.name, outcome)
      ends.set(cluster.name, await report.end(outcome))
      if (options.failFast && !succeeded(outcome)) enough.abort()
    })
    try {
      await fewAtOnce(tasks, options.parallel)
    } catch (error) {
      enough.abort()
      throw error
    }
    return clusters.flatMap(({ name }) => ends.get(name) ?? [])
  }

  async #one(cluster: AccessibleCluster, report: Report, signal: AbortSignal): Promise<Outcome> {
    if (signal.aborted) return { kind: 'skipped' }
    if (!cluster.online) return { kind: 'offline' }
    const { program, args, input, kubeconfigs } = this.#what
    const startedMs = performance.now()
    try {
      const exitCode = await runProgram({
        command: program,
        args,
        env: { ...this.#io.env, KUBECONFIG: kubeconfigs.get(cluster.name) },
        input,
        signal,
        onStdout: (chunk) => report.stdout(chunk),
        onStderr: (chunk) => report.stderr(chunk),
      })
      if (signal.aborted && exitCode !== 0) return { kind: 'stopped' }
      return { kind: 'ran', exitCode, ms: Math.round(performance.now() - startedMs) }
    } catch (error) {
      throw isOfStart(error) ? notStarted(program, error) : error
    }
  }
}

interface SystemError extends Error {
  readonly syscall: string
  readonly errno: number
}

/** Whether the program did not even begin. */
const isOfStart = (error: unknown): error is SystemError =>
  error instanceof Error &&
  'syscall' in error &&
  typeof error.syscall === 'string' &&
  error.syscall.startsWith('spawn')

function notStarted(program: string, cause: SystemError): CliError {
  if (errorCode(cause) !== 'ENOENT') {
    return new CliError(
      'REFUSED',
      `cannot start "${program}": ${getSystemErrorMessage(cause.errno)}`,
      {
        cause,
        hint:
          errorCode(cause) === 'E2BIG'
            ? 'its arguments are longer than the system takes: give them by --stdin'
            : 'see --program, and whether its file may be executed',
      },
    )
  }
  return new CliError('REFUSED', `there is no program "${program}" in $PATH`, {
    cause,
    hint:
      program === 'kubectl'
        ? 'install kubectl: https://kubernetes.io/docs/tasks/tools'
        : 'see --program',
  })
}
