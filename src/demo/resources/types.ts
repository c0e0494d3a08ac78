import type { FieldProblem } from '../api-error.ts'
import type { JsonObject } from '../json.ts'

/** What a function of a resource may know besides the object. */
export interface ResourceEnv {
  /** Milliseconds since the epoch. */
  readonly nowMs: number
  /** Whole numbers from 0 to below `below`. */
  random(below: number): number
}

export type Cell = string | number | boolean
/** A column of `kubectl get`; wide ones come with `-o wide`. */
export interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'boolean' | 'date'
  readonly wide?: true
  cell(object: JsonObject, nowMs: number): Cell
}

/** Everything about one kind of object: discovery, defaults, rules, columns. */
export interface ResourceType {
  readonly group: string
  readonly version: string
  /** The plural that stands in paths. */
  readonly resource: string
  readonly singular: string
  readonly kind: string
  /** Its shape in schema/. */
  readonly shape: string
  readonly namespaced: boolean
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly verbs: readonly string[]
  /** `status` and `scale` are served alike for all kinds that have them; what else there is, http/ knows. */
  readonly subresources: readonly Subresource[]
  /** Of the same storage as another type, in another form: events of two groups. */
  readonly storedAs?: StoredAs
  readonly columns: readonly Column[]
  /** A one-line answer of `kubectl explain`. */
  readonly says: string
  /** Fills what is left open, and takes away what a creator may not set. The object is the caller's own copy. */
  prepareCreate?(object: JsonObject, env: ResourceEnv): void
  /** The same for an update; `old` is what is stored. */
  prepareUpdate?(object: JsonObject, old: JsonObject, env: ResourceEnv): void
  /** `old` is null for a new object. */
  validate?(object: JsonObject, old: JsonObject | null): FieldProblem[]
  /** What a name may look like; a DNS subdomain when it is not said. */
  readonly nameRule?: 'subdomain' | 'label' | 'service' | 'path'
  /** Field selectors besides metadata.name and metadata.namespace. */
  fields?(object: JsonObject): Readonly<Record<string, string>>
  /** Whether a change of the spec counts up metadata.generation. */
  readonly generation?: true
}

export interface Subresource {
  readonly name: string
  readonly kind: string
  /** Group and version of the kind where they differ from the resource's. */
  readonly group?: string
  readonly version?: string
  readonly verbs: readonly string[]
}

export interface StoredAs {
  readonly group: string
  readonly resource: string
  /** From what is stored to this form, and back. */
  fromStored(object: JsonObject): JsonObject
  toStored(object: JsonObject): JsonObject
}

/** The key of the storage that a type's objects are in. */
export const storageOf = (type: ResourceType): string =>
  type.storedAs === undefined
    ? `${type.resource}.${type.group}`
    : `${type.storedAs.resource}.${type.storedAs.group}`

export const groupVersion = ({ group, version }: { group: string; version: string }): string =>
  group === '' ? version : `${group}/${version}`
