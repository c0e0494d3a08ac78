import type { Command } from 'commander'
import { collect, list } from '../flags.ts'

/** What may be said of the contexts that a command writes. */
export interface ContextFlags {
  readonly namespace?: string
  readonly as?: string
  /** `--as-groups`, and `--as-group` one at a time. */
  readonly asGroups?: readonly string[]
  readonly asGroup?: readonly string[]
  readonly setContextName?: string
}

/** Adds their options to a command that writes one context, or several. */
export const addContextFlags = (command: Command, written: 'context' | 'contexts'): Command =>
  command
    .option('-n, --namespace <namespace>', `the namespace of the ${written}`)
    .option('--as <user>', 'be this Kubernetes user there, as far as your roles allow')
    .option('--as-groups <groups>', 'have these groups there, comma-separated', list)
    .option('--as-group <group>', 'the same, one at a time, whatever is in its name', collect)
    .option(
      '--set-context-name <template>',
      `name of the ${written}: {{.ClusterName}}-{{.KubeName}}`,
    )
