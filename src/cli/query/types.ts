/** Functions of the predicate language; all look at text. */
export type FunctionName = 'contains' | 'equals' | 'hasPrefix' | 'hasSuffix' | 'exists' | 'search'

export type TextNode =
  | { readonly kind: 'literal'; readonly value: string }
  | { readonly kind: 'name' }
  | { readonly kind: 'label'; readonly name: string }

export type BooleanNode =
  | { readonly kind: 'and' | 'or'; readonly left: BooleanNode; readonly right: BooleanNode }
  | { readonly kind: 'not'; readonly of: BooleanNode }
  | { readonly kind: 'equal' | 'unequal'; readonly left: TextNode; readonly right: TextNode }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly args: readonly TextNode[] }

export type QueryNode = TextNode | BooleanNode

/** What a predicate is about. */
export interface Queried {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}
