import {
  clusterrolebindings,
  clusterroles,
  customresourcedefinitions,
  leases,
  reviews,
  rolebindings,
  roles,
} from './access.ts'
import { deployments, replicasets } from './apps.ts'
import {
  configmaps,
  endpoints,
  namespaces,
  nodes,
  secrets,
  serviceaccounts,
  services,
} from './core.ts'
import { events, newEvents } from './events.ts'
import { pods } from './pods.ts'
import { groupVersion, type ResourceType } from './types.ts'

/** Everything that the demo cluster serves. */
export const resourceTypes: readonly ResourceType[] = [
  configmaps,
  endpoints,
  events,
  namespaces,
  nodes,
  pods,
  secrets,
  serviceaccounts,
  services,
  deployments,
  replicasets,
  newEvents,
  clusterrolebindings,
  clusterroles,
  rolebindings,
  roles,
  ...reviews,
  leases,
  customresourcedefinitions,
]

const byPath = new Map(
  resourceTypes.map((type) => [`${groupVersion(type)}/${type.resource}`, type]),
)

/** The resource at a path, or null. */
export const resourceAt = (group: string, version: string, resource: string): ResourceType | null =>
  byPath.get(`${groupVersion({ group, version })}/${resource}`) ?? null

/** Groups and their one version, in the order of discovery; the core group is not among them. */
export const groups: readonly { readonly group: string; readonly version: string }[] = [
  ...new Map(
    resourceTypes
      .filter(({ group }) => group !== '')
      .map(({ group, version }) => [group, { group, version }]),
  ).values(),
]

export const typesOf = (group: string): readonly ResourceType[] =>
  resourceTypes.filter((type) => type.group === group)
