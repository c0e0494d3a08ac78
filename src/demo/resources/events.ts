import { at, isObject, type Json, type JsonObject, numberAt, textAt } from '../json.ts'
import { ageOf, humanDuration, nameColumn } from './format.ts'
import type { Column, ResourceType } from './types.ts'
import { ALL_VERBS } from './verbs.ts'

const columns: readonly Column[] = [
  { name: 'Last Seen', type: 'string', cell: lastSeen },
  { name: 'Type', type: 'string', cell: (event) => textAt(event, 'type') },
  { name: 'Reason', type: 'string', cell: (event) => textAt(event, 'reason') },
  {
    name: 'Object',
    type: 'string',
    cell: (event) => {
      const { kind, name } = involved(event)
      return `${kind.toLowerCase()}/${name}`
    },
  },
  {
    name: 'Subobject',
    type: 'string',
    wide: true,
    cell: (event) => textAt(about(event), 'fieldPath'),
  },
  { name: 'Source', type: 'string', wide: true, cell: sourceText },
  {
    name: 'Message',
    type: 'string',
    cell: (event) => (textAt(event, 'message') || textAt(event, 'note')).trim(),
  },
  {
    name: 'First Seen',
    type: 'string',
    wide: true,
    cell: (event, now) => ageOf(first(event), now),
  },
  { name: 'Count', type: 'string', wide: true, cell: (event) => String(count(event)) },
  { ...nameColumn, wide: true },
]

const about = (event: JsonObject): JsonObject => {
  const found = at(event, 'involvedObject') ?? at(event, 'regarding')
  return isObject(found) ? found : {}
}
const involved = (event: JsonObject): { kind: string; name: string } => ({
  kind: textAt(about(event), 'kind'),
  name: textAt(about(event), 'name'),
})

const either = (event: JsonObject, name: string, deprecated: string): string =>
  textAt(event, name) || textAt(event, deprecated)

const first = (event: JsonObject): string =>
  either(event, 'firstTimestamp', 'deprecatedFirstTimestamp') || textAt(event, 'eventTime')
const last = (event: JsonObject): string =>
  textAt(event, 'series', 'lastObservedTime') ||
  either(event, 'lastTimestamp', 'deprecatedLastTimestamp') ||
  first(event)
const count = (event: JsonObject): number =>
  numberAt(event, 'series', 'count') ??
  numberAt(event, 'count') ??
  numberAt(event, 'deprecatedCount') ??
  1

function lastSeen(event: JsonObject, nowMs: number): string {
  const since = ageOf(last(event), nowMs)
  if (count(event) <= 1) return since
  return `${since} (x${count(event)} over ${humanDuration(nowMs - Date.parse(first(event)))})`
}

function sourceText(event: JsonObject): string {
  const source = at(event, 'source') ?? at(event, 'deprecatedSource')
  const component = textAt(source, 'component') || textAt(event, 'reportingComponent')
  const host = textAt(source, 'host')
  return host === '' ? component : `${component}, ${host}`
}

const common = {
  version: 'v1',
  resource: 'events',
  singular: 'event',
  kind: 'Event',
  namespaced: true,
  shortNames: ['ev'],
  categories: [],
  verbs: ALL_VERBS,
  subresources: [],
  columns,
  says: 'What happened to an object. Forgotten after an hour.',
} as const

export const events: ResourceType = {
  ...common,
  group: '',
  shape: 'Event',
  fields: (event) => ({
    ...fieldsOf('involvedObject', about(event)),
    reason: textAt(event, 'reason'),
    reportingComponent: textAt(event, 'reportingComponent'),
    source: textAt(event, 'source', 'component') || textAt(event, 'reportingComponent'),
    type: textAt(event, 'type'),
  }),
}

/** The same events by the names of their younger group. */
export const newEvents: ResourceType = {
  ...common,
  group: 'events.k8s.io',
  shape: 'EventsEvent',
  storedAs: { group: '', resource: 'events', fromStored, toStored },
  fields: (event) => ({
    ...fieldsOf('regarding', about(event)),
    reason: textAt(event, 'reason'),
    reportingController: textAt(event, 'reportingController'),
    type: textAt(event, 'type'),
  }),
}

function fieldsOf(prefix: string, object: JsonObject): Record<string, string> {
  const names = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath']
  return Object.fromEntries(names.map((name) => [`${prefix}.${name}`, textAt(object, name)]))
}

/** Core name to events.k8s.io name. What is not here is called the same. */
const RENAMED = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
] as const

function fromStored(event: JsonObject): JsonObject {
  return renamed(event, new Map(RENAMED), 'events.k8s.io/v1')
}

function toStored(event: JsonObject): JsonObject {
  return renamed(event, new Map(RENAMED.map(([core, other]) => [other, core])), 'v1')
}

function renamed(
  event: JsonObject,
  names: ReadonlyMap<string, string>,
  apiVersion: string,
): JsonObject {
  const entries = Object.entries(event).map(([key, value]): [string, Json] => [
    names.get(key) ?? key,
    value,
  ])
  return { ...Object.fromEntries(entries), apiVersion }
}
