import { parseDuration } from '../../../core/index.ts'
import { CliError } from '../../errors.ts'

/** As the command line gives them. */
export interface LoginFlags {
  readonly ttl?: string
  readonly insecure?: boolean
  readonly caPin?: readonly string[]
  readonly out?: string
  readonly format?: string
  readonly overwrite?: boolean
  readonly auth?: string
  readonly kubeCluster?: string
  readonly passwordStdin?: boolean
}

export type OutFormat = 'file' | 'kubernetes'

const MIN_TTL_MS = 2 * 60_000

/** `--ttl`: minutes, as ever, or a duration. Throws CliError USAGE. */
export function parseTtl(text: string): number {
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 60_000 : durationOf(text)
  if (ms >= MIN_TTL_MS) return ms
  throw new CliError('USAGE', `--ttl=${text} is less than two minutes`, {
    hint: 'kubectl is not given a credential in its last minute',
  })
}

function durationOf(text: string): number {
  try {
    return parseDuration(text)
  } catch (error) {
    throw new CliError('USAGE', `--ttl=${text} is neither minutes nor a duration like 90m or 12h`, {
      cause: error,
    })
  }
}

/** `--format` of `--out`. Throws CliError USAGE, also when there is nothing to be formatted. */
export function parseOutFormat({ out, format }: LoginFlags): OutFormat {
  if (out === undefined && format !== undefined) {
    throw new CliError('USAGE', '--format says how --out is written, and --out is missing', {
      hint: 'without --out the login goes to ~/.tsh and into the kubeconfig',
    })
  }
  if (format === undefined || format === 'file') return 'file'
  if (format === 'kubernetes') return 'kubernetes'
  throw new CliError('USAGE', `--format=${format} is not one of file, kubernetes`)
}

/** `--auth`: how a person proves himself. Throws CliError. */
export function assertLocal(auth: string | undefined): void {
  if (auth === undefined || auth === 'local') return
  throw new CliError(
    'REFUSED',
    `there is no connector "${auth}": this version logs local users in`,
    {
      hint: 'leave --auth out, or give --auth=local',
    },
  )
}
