import { isObject, type JsonObject, listAt, put, textAt } from '../json.ts'
import { type FieldSet, formatFieldsV1, parseFieldsV1 } from './field-set.ts'

/** One entry of `metadata.managedFields`. */
export interface Manager {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly subresource: string
  /** Empty when it is not told. */
  readonly time: string
  readonly fields: FieldSet
}

export function readManagers(object: JsonObject | null): Manager[] {
  return listAt(object ?? undefined, 'metadata', 'managedFields')
    .filter(isObject)
    .map((entry) => ({
      manager: textAt(entry, 'manager'),
      operation: textAt(entry, 'operation') === 'Apply' ? 'Apply' : 'Update',
      apiVersion: textAt(entry, 'apiVersion'),
      subresource: textAt(entry, 'subresource'),
      time: textAt(entry, 'time'),
      fields: parseFieldsV1(entry['fieldsV1']),
    }))
}

/** Writes the entries into an object that is the caller's own; those that own nothing are left out. */
export function writeManagers(object: JsonObject, managers: readonly Manager[]): void {
  const entries = managers
    .filter(({ fields }) => fields.size > 0)
    .map(({ manager, operation, apiVersion, subresource, time, fields }) => ({
      manager,
      operation,
      apiVersion,
      ...(time === '' ? {} : { time }),
      fieldsType: 'FieldsV1',
      fieldsV1: formatFieldsV1(fields),
      ...(subresource === '' ? {} : { subresource }),
    }))
  if (entries.length > 0) put(object, ['metadata', 'managedFields'], entries)
  else {
    const { metadata } = object
    if (isObject(metadata)) delete metadata['managedFields']
  }
}

export const sameManager = (
  a: Pick<Manager, 'manager' | 'operation' | 'apiVersion' | 'subresource'>,
  b: Pick<Manager, 'manager' | 'operation' | 'apiVersion' | 'subresource'>,
): boolean =>
  a.manager === b.manager &&
  a.operation === b.operation &&
  a.apiVersion === b.apiVersion &&
  a.subresource === b.subresource

/** Fields that no manager owns: the server sets them, or they say which object it is. */
const NOBODYS: ReadonlySet<string> = new Set([
  'f:apiVersion',
  'f:kind',
  'f:metadata',
  ...[
    'name',
    'namespace',
    'uid',
    'resourceVersion',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generation',
    'selfLink',
    'managedFields',
  ].map((name) => `f:metadata\u0000f:${name}`),
])

/** Whether a field can be owned through a subresource, `''` being the object itself. */
export function canOwn(path: string, subresource: string): boolean {
  const [first = '', second = ''] = path.split('\u0000')
  if (NOBODYS.has(path) || NOBODYS.has(`${first}\u0000${second}`)) return false
  if (subresource === 'status') return first === 'f:status'
  return first !== 'f:status'
}
