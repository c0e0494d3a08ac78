import type { Json, JsonObject } from '../json.ts'
import { groups, typesOf } from '../resources/all.ts'
import { groupVersion, type ResourceType, type Subresource } from '../resources/types.ts'

/** `/api`, `/apis`, `/apis/<group>` and `/apis/<group>/<version>` in the form that every client knows. */
export const apiVersions = (): JsonObject => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [],
})

export const apiGroupList = (): JsonObject => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groups.map(groupOf),
})

/** Null for a group that is not served. */
export function apiGroup(name: string): JsonObject | null {
  const found = groups.find(({ group }) => group === name)
  return found === undefined ? null : { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(found) }
}

function groupOf({ group, version }: { group: string; version: string }): JsonObject {
  const preferred = { groupVersion: groupVersion({ group, version }), version }
  return { name: group, versions: [preferred], preferredVersion: { ...preferred } }
}

/** Null for a group or version that is not served. */
export function apiResourceList(group: string, version: string): JsonObject | null {
  const types = typesOf(group).filter((type) => type.version === version)
  if (types.length === 0) return null
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: groupVersion({ group, version }),
    resources: types.flatMap((type): Json[] => [
      resource(type),
      ...type.subresources.map((sub) => subresource(type, sub)),
    ]),
  }
}

function resource(type: ResourceType): JsonObject {
  return {
    name: type.resource,
    singularName: type.singular,
    namespaced: type.namespaced,
    kind: type.kind,
    verbs: [...type.verbs],
    ...names(type),
  }
}

function subresource(type: ResourceType, sub: Subresource): JsonObject {
  const foreign = sub.group === undefined ? {} : { group: sub.group, version: sub.version ?? 'v1' }
  return {
    name: `${type.resource}/${sub.name}`,
    singularName: '',
    namespaced: type.namespaced,
    ...foreign,
    kind: sub.kind,
    verbs: [...sub.verbs],
  }
}

const names = ({ shortNames, categories }: ResourceType): JsonObject => ({
  ...(shortNames.length === 0 ? {} : { shortNames: [...shortNames] }),
  ...(categories.length === 0 ? {} : { categories: [...categories] }),
})

export type AggregatedVersion = 'v2' | 'v2beta1'

/** All groups of `/api` or `/apis` in one answer (`apidiscovery.k8s.io`), as kubectl asks since 1.26. */
export function aggregatedDiscovery(
  prefix: 'api' | 'apis',
  version: AggregatedVersion,
): JsonObject {
  const listed = prefix === 'api' ? [{ group: '', version: 'v1' }] : groups
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: listed.map(({ group, version: served }) => ({
      metadata: group === '' ? {} : { name: group },
      versions: [
        {
          version: served,
          resources: typesOf(group).map(aggregatedResource),
          freshness: 'Current',
        },
      ],
    })),
  }
}

function aggregatedResource(type: ResourceType): JsonObject {
  const subresources = type.subresources.map((sub) => ({
    subresource: sub.name,
    responseKind: { group: sub.group ?? '', version: sub.version ?? '', kind: sub.kind },
    verbs: [...sub.verbs],
  }))
  return {
    resource: type.resource,
    responseKind: { group: '', version: '', kind: type.kind },
    scope: type.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: type.singular,
    verbs: [...type.verbs],
    ...names(type),
    ...(subresources.length === 0 ? {} : { subresources }),
  }
}
