import { clusterMatchers } from '../../authz/index.ts'
import {
  MEMBER_CLUSTERS_MOST,
  MEMBER_KUBECONFIGS_BYTES,
  MEMBER_STATE_WAIT_MS,
  type ResponseOf,
} from '../../contract/index.ts'
import { errorMessage } from '../../core/index.ts'
import type { ApiDeps } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Handlers } from '../handler-types.ts'
import type { Waiters } from '../member/waiters.ts'
import type { DynamicCluster } from './dynamic-clusters.ts'
import { Entitlements, selectClusters } from './entitlement.ts'

type Answer = ResponseOf<'member.kube_clusters'>

/** Gives each kubernetes service the dynamic clusters that it asks for, as far as its join token gives them to it. */
export function dynamicClustersHandler(
  { dynamicClusters, joining }: Pick<ApiDeps, 'dynamicClusters' | 'joining'>,
  waiters: Waiters,
): Pick<Handlers, 'member.kube_clusters'> {
  const entitlements = new Entitlements(joining.tokens)
  return {
    'member.kube_clusters': async ({ caller, body }) => {
      const wanted = matchersOf(body.resources)
      const allowed = await entitlements.of(caller.record)
      const have = new Set(body.have)
      const select = (): ReturnType<typeof selectClusters> => {
        const all = dynamicClusters.list()
        const { given, withheld } = selectClusters(all, wanted, allowed, MEMBER_CLUSTERS_MOST)
        // What nobody can read any more would be asked for without end; who has it keeps it.
        const isOfUse = ({ name, revision }: DynamicCluster): boolean =>
          have.has(revision) || dynamicClusters.kubeconfigOf(name) !== null
        return { given: given.filter(isOfUse), withheld }
      }
      // Others' clusters change too: then the answer says what is known already, and the call is made again.
      const now = select()
      if (isKnown(now.given, have) && now.withheld === (body.withheld ?? now.withheld)) {
        await waiters.wait(caller.identity.hostId, MEMBER_STATE_WAIT_MS)
      }
      const { given, withheld } = select()
      return { clusters: withKubeconfigs(given), withheld }

      function withKubeconfigs(clusters: readonly DynamicCluster[]): Answer['clusters'] {
        let bytes = 0
        return clusters.map(({ name, revision, labels }) => {
          const full = bytes >= MEMBER_KUBECONFIGS_BYTES
          const kubeconfig = full || have.has(revision) ? null : dynamicClusters.kubeconfigOf(name)
          bytes += kubeconfig?.length ?? 0
          return { name, revision, labels: { ...labels }, kubeconfig }
        })
      }
    },
  }
}

const isKnown = (given: readonly DynamicCluster[], have: ReadonlySet<string>): boolean =>
  given.length === have.size && given.every(({ revision }) => have.has(revision))

function matchersOf(
  resources: Parameters<typeof clusterMatchers>[0],
): ReturnType<typeof clusterMatchers> {
  try {
    return clusterMatchers(resources)
  } catch (error) {
    throw new ApiError('BAD_REQUEST', `resources${errorMessage(error)}`, { cause: error })
  }
}
