import { parseDuration } from '../core/index.ts'
import { CliError } from './errors.ts'

/** Milliseconds of a flag that is a duration. Throws CliError USAGE. */
export function durationFlag(flag: string, text: string): number {
  try {
    return parseDuration(text)
  } catch (cause) {
    throw new CliError('USAGE', `${flag}=${text} is not a duration like 30m, 25h or 8760h`, {
      cause,
    })
  }
}
