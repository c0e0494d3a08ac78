import { CliError } from '../../errors.ts'

/** More names than this are not read. */
const NAMES_SHOWN = 10

/** The cluster of that name, else the only one whose name begins so. Throws CliError REFUSED. */
export function chooseCluster<T extends { readonly name: string }>(
  wanted: string,
  clusters: readonly T[],
): T {
  const exact = clusters.find(({ name }) => name === wanted)
  if (exact !== undefined) return exact
  const matching = clusters.filter(({ name }) => name.startsWith(wanted))
  const [first] = matching
  if (first !== undefined && matching.length === 1) return first
  throw new CliError(
    'REFUSED',
    matching.length === 0
      ? `there is no Kubernetes cluster "${wanted}", or none of your roles reaches it`
      : `"${wanted}" is the beginning of ${matching.length} names: ${namesOf(matching)}`,
    {
      hint:
        clusters.length === 0
          ? 'your roles reach no Kubernetes cluster: ask an administrator'
          : 'see "tsh kube ls"',
    },
  )
}

const namesOf = (clusters: readonly { readonly name: string }[]): string => {
  const names = clusters.slice(0, NAMES_SHOWN).map(({ name }) => name)
  return names.join(', ') + (clusters.length > NAMES_SHOWN ? ' …' : '')
}
