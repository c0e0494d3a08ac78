import type { JsonObject } from '../json.ts'
import { compareFields } from './field-set.ts'
import { canOwn, type Manager, readManagers, sameManager, writeManagers } from './managed-fields.ts'

/** Who writes. */
export interface Writer {
  readonly manager: string
  readonly apiVersion: string
  readonly subresource: string
  /** As managedFields has it: `2026-11-25T13:00:00Z`. */
  readonly time: string
}

/**
 * Writes into `after` who owns what after a create, update or patch: what changed belongs to the writer, what is gone to
 * nobody. `after` is the caller's own; the managers it names count (a writer may edit them), else those of `before`.
 */
export function ownChanges(
  before: JsonObject | null,
  after: JsonObject,
  shape: string,
  writer: Writer,
): void {
  const { changed, removed } = compareFields(before ?? {}, after, shape)
  const named = readManagers(after)
  const base = named.length > 0 ? named : readManagers(before)
  const owned = [...changed].filter((path) => canOwn(path, writer.subresource))
  const gone = (path: string): boolean => changed.has(path) || removed.has(path)
  const own = { ...writer, operation: 'Update' } as const
  const mine = base.find((manager) => sameManager(manager, own))
  const managers: Manager[] = base.map((manager) =>
    manager === mine ? manager : { ...manager, fields: without(manager.fields, gone) },
  )
  if (owned.length === 0 && removed.size === 0) {
    writeManagers(after, managers)
    return
  }
  const kept = mine === undefined ? [] : [...without(mine.fields, (path) => removed.has(path))]
  const next: Manager = { ...own, fields: new Set([...kept, ...owned]) }
  writeManagers(
    after,
    mine === undefined
      ? [...managers, next]
      : managers.map((manager) => (manager === mine ? next : manager)),
  )
}

const without = (fields: ReadonlySet<string>, gone: (path: string) => boolean): Set<string> =>
  new Set([...fields].filter((path) => !gone(path)))
