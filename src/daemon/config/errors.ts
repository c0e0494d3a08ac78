import { CodedError } from '../../core/index.ts'

/** One thing that is wrong in a configuration file, and where. */
export interface ConfigProblem {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly column: number
  /** `proxy_service.kubernetes.listen_addr` */
  readonly path: string
  readonly message: string
}

/** Everything that is wrong in a configuration file, at once. */
export class ConfigError extends CodedError<'CONFIG_INVALID'> {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super('CONFIG_INVALID', problems.map(describeProblem).join('\n'))
    this.problems = problems
  }
}

const describeProblem = ({ file, line, column, path, message }: ConfigProblem): string =>
  `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`
