import {
  isMap,
  isNode,
  isScalar,
  isSeq,
  YAMLMap as NewMap,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import { fieldOf, isNullWord, type KubeconfigText } from './kubeconfig-text.ts'
import { bodyField, type Edit, type Put, type Section } from './types.ts'
import { changeEntry, nodeText, toNode } from './yaml-nodes.ts'

/** Replaces `text.slice(start, end)`. */
interface Splice {
  readonly start: number
  readonly end: number
  readonly text: string
  /** Goes behind others at its place: new fields of the mapping, below the last list. */
  readonly isNewField?: true
}

/** Thrown inside: this text is written in a way that splicing does not know. */
class NotSpliceable extends Error {}

/**
 * The text with edits applied where they belong, each other byte as it was; null when the text is written in a way that
 * does not allow it (a list in brackets with entries in it).
 */
export function spliceYaml(
  { text, root, document }: KubeconfigText,
  edits: readonly Edit[],
): string | null {
  if (root === null || root.flow === true) return null
  const page: Page = {
    text,
    root,
    end: document.range?.[1] ?? text.length,
    newline: text.includes('\r\n') ? '\r\n' : '\n',
  }
  try {
    const splices = (Object.keys(bodyField) as Section[]).flatMap((section) =>
      sectionSplices(page, section, edits),
    )
    const select = edits.findLast((edit) => edit.kind === 'select')
    if (select !== undefined) splices.push(selectSplice(page, select.context))
    return apply(text, splices)
  } catch (error) {
    if (error instanceof NotSpliceable) return null
    throw error
  }
}

interface Page {
  readonly text: string
  readonly root: YAMLMap
  /** Where the mapping ends: before `...`, or at the end of the file. */
  readonly end: number
  readonly newline: string
}

function sectionSplices(page: Page, section: Section, edits: readonly Edit[]): Splice[] {
  const own = edits.filter((edit) => edit.kind !== 'select' && edit.section === section)
  if (own.length === 0) return []
  const pair = fieldOf(page.root, section)
  const value = pair?.value
  if (isSeq(value) && value.items.length > 0) return listSplices(page, section, value, own)
  if (!isEmpty(value)) throw new NotSpliceable()
  const items = own.filter((edit) => edit.kind === 'put')
  if (items.length === 0) return []
  const indent = indentAt(page.text, page.root.range?.[0] ?? 0)
  const lines = items
    .map((edit) => itemLines(changeEntry(new NewMap(), edit), indent, page.newline))
    .join('')
  return [
    pair === null
      ? newField(page, `${indent}${section}:${page.newline}${lines}`)
      : beginList(page, pair, lines),
  ]
}

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  (isSeq(value) && value.items.length === 0) ||
  (isScalar(value) && isNullWord(value.source ?? ''))

/** Changes in a list that has entries, one below the other. */
function listSplices(
  page: Page,
  section: Section,
  list: YAMLSeq,
  edits: readonly Edit[],
): Splice[] {
  const { text, newline } = page
  const token = list.srcToken
  if (token?.type !== 'block-seq') throw new NotSpliceable()
  const items = list.items.map((node, index) => {
    const dash = token.items[index]?.start.find(({ type }) => type === 'seq-item-ind')
    if (dash === undefined || !isNode(node) || !node.range) throw new NotSpliceable()
    const start = lineStart(text, dash.offset)
    // What begins on the line of something else is not ours to cut.
    if (text.slice(start, dash.offset).trim() !== '') throw new NotSpliceable()
    return { node, start, end: node.range[1], endWithComments: node.range[2] }
  })
  const [first] = items
  if (first === undefined) throw new NotSpliceable()
  const indent = text.slice(first.start, text.indexOf('-', first.start))

  // kubectl takes the first of several with one name.
  const byName = new Map(items.toReversed().map((item) => [nameOf(item.node), item]))

  const splices: Splice[] = []
  const fresh: Put[] = []
  let left = items.length
  for (const edit of edits) {
    if (edit.kind === 'select') continue
    const item = byName.get(edit.name)
    if (item === undefined || !isMap(item.node)) {
      if (edit.kind === 'put') fresh.push(edit)
    } else if (edit.kind === 'remove') {
      left -= 1
      splices.push({ start: item.start, end: item.end, text: '' })
    } else {
      splices.push({
        start: item.start,
        end: item.endWithComments,
        text: itemLines(changeEntry(item.node, edit), indent, newline),
      })
    }
  }
  if (fresh.length > 0) {
    const end = items.at(-1)?.endWithComments ?? 0
    const lines = fresh.map((edit) => itemLines(changeEntry(new NewMap(), edit), indent, newline))
    splices.push({ start: end, end, text: lines.join('') })
  } else if (left === 0) {
    const at = colonOf(page, section) + 1
    splices.push({ start: at, end: at, text: ' []' })
  }
  return splices
}

const nameOf = (node: unknown): unknown => (isMap(node) ? node.get('name') : null)

/** An entry as lines of a block list. */
function itemLines(entry: YAMLMap, indent: string, newline: string): string {
  // What stands above the dash is not part of the item's place, and stays there.
  entry.commentBefore = null
  entry.spaceBefore = false
  const lines = nodeText(entry).split('\n')
  return lines
    .map(
      (line, at) =>
        `${at === 0 ? `${indent}- ` : line === '' ? '' : `${indent}  `}${line}${newline}`,
    )
    .join('')
}

/** Puts lines below a key whose value (`[]`, `null` or nothing) goes away; a comment beside it stays. */
function beginList({ text, root, newline }: Page, pair: Pair, lines: string): Splice {
  const colon = colonOfPair(root, pair)
  const end = isNode(pair.value) && pair.value.range ? pair.value.range[1] : colon + 1
  const lineEnd = text.indexOf('\n', end)
  const rest = (lineEnd === -1 ? text.slice(end) : text.slice(end, lineEnd)).trimEnd()
  return {
    start: colon + 1,
    end: lineEnd === -1 ? text.length : lineEnd + 1,
    text: `${rest}${newline}${lines}`,
  }
}

function selectSplice(page: Page, context: string): Splice {
  const written = nodeText(toNode(context))
  const pair = fieldOf(page.root, 'current-context')
  if (pair === null) {
    const indent = indentAt(page.text, page.root.range?.[0] ?? 0)
    return newField(page, `${indent}current-context: ${written}${page.newline}`)
  }
  const { value } = pair
  // By its place and not by what it says: kubectl writes "" where none is selected.
  if (isScalar(value) && value.range && value.range[1] > value.range[0]) {
    return { start: value.range[0], end: value.range[1], text: written }
  }
  if (!isEmpty(value)) throw new NotSpliceable()
  const at = colonOfPair(page.root, pair) + 1
  return { start: at, end: at, text: ` ${written}` }
}

const newField = ({ end }: Page, lines: string): Splice => ({
  start: end,
  end,
  text: lines,
  isNewField: true,
})

const lineStart = (text: string, offset: number): number => text.lastIndexOf('\n', offset - 1) + 1

/** The blanks before a token that begins its line. */
const indentAt = (text: string, offset: number): string =>
  /[ \t]*$/.exec(text.slice(lineStart(text, offset), offset))?.[0] ?? ''

function colonOf({ root }: Page, field: string): number {
  const pair = fieldOf(root, field)
  if (pair === null) throw new NotSpliceable()
  return colonOfPair(root, pair)
}

function colonOfPair(root: YAMLMap, pair: Pair): number {
  const token = root.srcToken
  if (token?.type !== 'block-map') throw new NotSpliceable()
  const colon = token.items
    .find(({ key }) => isScalar(pair.key) && key === pair.key.srcToken)
    ?.sep?.find(({ type }) => type === 'map-value-ind')
  if (colon === undefined) throw new NotSpliceable()
  return colon.offset
}

/** Applies splices that do not overlap. */
function apply(text: string, splices: readonly Splice[]): string {
  const rank = ({ isNewField }: Splice): number => (isNewField === true ? 1 : 0)
  const ordered = splices.toSorted((a, b) => a.start - b.start || rank(a) - rank(b))
  let result = ''
  let at = 0
  for (const splice of ordered) {
    result += text.slice(at, splice.start) + splice.text
    at = splice.end
  }
  return result + text.slice(at)
}
