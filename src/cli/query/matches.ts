import { unreachable } from '../../core/index.ts'
import type { BooleanNode, FunctionName, Queried, TextNode } from './types.ts'

/** Whether a predicate holds. A label that is not there is an empty text; `exists` tells the two apart. */
export function queryMatches(node: BooleanNode, about: Queried): boolean {
  switch (node.kind) {
    case 'and':
      return queryMatches(node.left, about) && queryMatches(node.right, about)
    case 'or':
      return queryMatches(node.left, about) || queryMatches(node.right, about)
    case 'not':
      return !queryMatches(node.of, about)
    case 'equal':
      return textOf(node.left, about) === textOf(node.right, about)
    case 'unequal':
      return textOf(node.left, about) !== textOf(node.right, about)
    case 'call':
      return callMatches(node.name, node.args, about)
  }
}

function callMatches(name: FunctionName, args: readonly TextNode[], about: Queried): boolean {
  const texts = args.map((arg) => textOf(arg, about))
  const [one = '', other = ''] = texts
  switch (name) {
    case 'contains':
      return one.includes(other)
    case 'equals':
      return one === other
    case 'hasPrefix':
      return one.startsWith(other)
    case 'hasSuffix':
      return one.endsWith(other)
    case 'exists':
      return args[0]?.kind === 'label' && Object.hasOwn(about.labels, args[0].name)
    case 'search':
      return searchMatches(texts, about)
    default:
      return unreachable(name)
  }
}

/** Whether each word stands in the name, or in a label's name or value; case does not matter. */
export function searchMatches(words: readonly string[], { name, labels }: Queried): boolean {
  const texts = [name, ...Object.entries(labels).flat()].map((text) => text.toLowerCase())
  return words.every((word) => texts.some((text) => text.includes(word.toLowerCase())))
}

function textOf(node: TextNode, { name, labels }: Queried): string {
  switch (node.kind) {
    case 'literal':
      return node.value
    case 'name':
      return name
    case 'label':
      return Object.hasOwn(labels, node.name) ? (labels[node.name] ?? '') : ''
  }
}
