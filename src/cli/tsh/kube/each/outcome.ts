import { printable } from '../../../format.ts'

/** How it went in one cluster. */
export type Outcome =
  | { readonly kind: 'ran'; readonly exitCode: number; readonly ms: number }
  /** No service serves the cluster, so nothing was tried. */
  | { readonly kind: 'offline' }
  /** Ended amid its work, because of another cluster or of ctrl-c: some of it may be done. */
  | { readonly kind: 'stopped' }
  /** Never begun, for the same reasons. */
  | { readonly kind: 'skipped' }

export const succeeded = (outcome: Outcome): boolean =>
  outcome.kind === 'ran' && outcome.exitCode === 0

/** The last words: how many, and what went wrong where. */
export function summary(
  program: string,
  outcomes: ReadonlyMap<string, Outcome>,
  totalMs: number,
): string[] {
  const good = [...outcomes.values()].filter(succeeded).length
  const seconds = (totalMs / 1000).toFixed(1)
  return [
    `tsh: done in ${good} of ${outcomes.size} ${outcomes.size === 1 ? 'cluster' : 'clusters'} (${seconds} s)`,
    ...[...outcomes]
      .filter(([, outcome]) => !succeeded(outcome))
      .map(([name, outcome]) => `tsh: ${printable(name)}: ${words(program, outcome)}`),
  ]
}

function words(program: string, outcome: Outcome): string {
  switch (outcome.kind) {
    case 'ran':
      return `${program} ended with exit code ${outcome.exitCode}`
    case 'offline':
      return 'offline, nothing was tried'
    case 'stopped':
      return 'stopped before it had ended: some of it may be done'
    case 'skipped':
      return 'not run'
  }
}
