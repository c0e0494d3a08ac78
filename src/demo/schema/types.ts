/** The type of a field, as far as decoding, patches, server-side apply and OpenAPI need it. */
export type Schema =
  | { readonly type: ScalarType }
  | { readonly type: 'map'; readonly values: Schema; readonly atomic: boolean }
  | {
      readonly type: 'list'
      readonly items: Schema
      /** What makes items the same one: nothing (the list is one value), the value itself, or keys. */
      readonly identity: 'atomic' | 'set' | readonly string[]
      /** By which key strategic merge patches find an item; null: they replace the list. */
      readonly mergeKey: string | null
    }
  | { readonly type: 'shape'; readonly name: string }

export const scalarTypes = [
  'string',
  'bytes',
  'time',
  'microtime',
  'quantity',
  'intOrString',
  'bool',
  'int',
  'long',
  'any',
] as const
export type ScalarType = (typeof scalarTypes)[number]

export interface Field {
  readonly schema: Schema
  readonly required: boolean
  /** `x-kubernetes-patch-strategy: retainKeys`: a patch may say which keys stay. */
  readonly retainKeys: boolean
}

/** An object with known fields. */
export interface Shape {
  readonly name: string
  readonly fields: ReadonlyMap<string, Field>
  /** Server-side apply owns it as a whole. */
  readonly atomic: boolean
}
