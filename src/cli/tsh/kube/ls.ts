import {
  type AccessibleCluster,
  currentContextOf,
  kubeconfigPaths,
  type Profile,
  readKubeconfigs,
} from '../../../client/index.ts'
import { type Format, healthWords, labelsText, parseFormat, render, table } from '../../format.ts'
import { print, say } from '../../io.ts'
import type { TshContext } from '../context.ts'
import { openSession, readAccess } from '../session.ts'
import { clusterFilter } from './filter.ts'

export interface LsFlags {
  readonly search?: string
  readonly query?: string
  readonly format: string
  readonly verbose?: boolean
  readonly quiet?: boolean
}

/** Labels beyond this make lines that nobody reads; -v shows them. */
const LABELS_WIDTH = 60

/** `tsh kube ls` */
export async function kubeLs(
  context: TshContext,
  labels: string | undefined,
  flags: LsFlags,
): Promise<void> {
  const { io } = context.world
  const format = parseFormat(flags.format)
  const filter = clusterFilter({ labels, search: flags.search, query: flags.query })
  using session = await openSession(context)
  const { kube_clusters: all } = await readAccess(context, session)
  const selected = await selectedCluster(context, session.profile)
  const clusters = all.filter(filter)
  if (clusters.length > 0 || format !== 'text') {
    print(io, show(format, clusters, selected, flags))
  }
  if (format !== 'text' || flags.quiet === true) return
  if (all.length === 0) say(io, 'tsh: your roles reach no Kubernetes cluster: ask an administrator')
  else if (clusters.length === 0) {
    const isName = labels !== undefined && !labels.includes('=') && all.some(hasName(labels))
    const hint = isName
      ? `: "${labels}" is a label here, and --search=${labels} looks for names`
      : ''
    say(io, `tsh: none of ${all.length} clusters is like that${hint}`)
  }
}

const hasName =
  (text: string) =>
  ({ name }: AccessibleCluster): boolean =>
    name.includes(text)

function show(
  format: Format,
  clusters: readonly AccessibleCluster[],
  selected: string | null,
  { verbose, quiet }: LsFlags,
): string {
  if (format !== 'text') {
    const values = clusters.map((cluster) => ({
      kube_cluster_name: cluster.name,
      labels: cluster.labels,
      selected: cluster.name === selected,
      online: cluster.online,
      ...(cluster.health === undefined ? {} : { health: cluster.health }),
      ...(cluster.problem === undefined ? {} : { problem: cluster.problem }),
      ...(cluster.since === undefined ? {} : { since: cluster.since }),
      kubernetes_users: cluster.kubernetes_users,
      kubernetes_groups: cluster.kubernetes_groups,
    }))
    return render(format, values, () => '')
  }
  const headers = ['Kube Cluster Name', 'Labels', 'Selected']
  const rows = clusters.map((cluster) => {
    const row = [
      cluster.name,
      shortened(labelsText(cluster.labels), verbose === true),
      cluster.name === selected ? '*' : '',
    ]
    return verbose === true
      ? [
          ...row,
          healthWords(cluster),
          cluster.since ?? '',
          cluster.kubernetes_users.join(','),
          cluster.kubernetes_groups.join(','),
        ]
      : row
  })
  const all = verbose === true ? [...headers, 'Status', 'Since', 'Users', 'Groups'] : headers
  const text = table(all, rows)
  return quiet === true ? text.split('\n').slice(2).join('\n') : text
}

const shortened = (text: string, whole: boolean): string =>
  whole || text.length <= LABELS_WIDTH ? text : `${text.slice(0, LABELS_WIDTH - 1)}…`

/** The cluster of this profile that kubectl would use now; null when it would use something else. */
export async function selectedCluster(
  { world }: TshContext,
  profile: Profile,
): Promise<string | null> {
  const files = await readKubeconfigs(kubeconfigPaths(world.io.env, world.userHome))
  const mark = currentContextOf(files)?.mark ?? null
  const isOurs = mark?.proxy === profile.proxy && mark.teleportCluster === profile.teleport_cluster
  return isOurs ? mark.kubeCluster : null
}
