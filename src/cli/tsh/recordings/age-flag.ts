import type { Command } from 'commander'
import { collect } from '../flags.ts'

/** For recordings that are encrypted. Not `-i`: that is whom tsh acts as. */
export const addAgeFlag = (command: Command): Command =>
  command.option(
    '--age-identity <file>',
    'the age identity (AGE-SECRET-KEY-1…) that opens encrypted recordings; repeatable',
    collect,
  )

export interface AgeFlags {
  readonly ageIdentity?: readonly string[]
}
