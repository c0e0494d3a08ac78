import type { AccessibleCluster } from '../../../client/index.ts'
import { CliError } from '../../errors.ts'
import { queryMatches, searchMatches } from '../../query/matches.ts'
import { parseQuery } from '../../query/parse.ts'

/** Which clusters are meant. */
export interface FilterFlags {
  /** `env=prod,team` */
  readonly labels?: string | undefined
  readonly search?: string | undefined
  readonly query?: string | undefined
}

/** All that is given must hold. Throws CliError USAGE. */
export function clusterFilter({
  labels,
  search,
  query,
}: FilterFlags): (cluster: AccessibleCluster) => boolean {
  const wanted = labels === undefined ? [] : parseLabels(labels)
  const words = (search ?? '').split(/[,\s]+/).filter((word) => word !== '')
  const predicate = query === undefined ? null : parseQuery(query)
  return (cluster) =>
    wanted.every(([name, value]) =>
      value === null
        ? Object.hasOwn(cluster.labels, name)
        : Object.hasOwn(cluster.labels, name) && cluster.labels[name] === value,
    ) &&
    searchMatches(words, cluster) &&
    (predicate === null || queryMatches(predicate, cluster))
}

/** `env=prod,team`: labels with values, or with any. */
function parseLabels(text: string): (readonly [string, string | null])[] {
  return text.split(',').map((part) => {
    const at = part.indexOf('=')
    const name = (at === -1 ? part : part.slice(0, at)).trim()
    if (name === '') {
      throw new CliError('USAGE', `${JSON.stringify(text)} are not labels like env=prod,team=a`)
    }
    return [name, at === -1 ? null : part.slice(at + 1).trim()]
  })
}
