import { Document, isMap, isScalar, isSeq, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { MARK_NAME, markToValue } from './mark.ts'
import { bodyField, type Put, type Value } from './types.ts'

/**
 * Words that YAML 1.1, which kubectl reads, takes for something else than text. Names like these exist: a cluster called
 * "no" would become "false".
 */
const AMBIGUOUS = /^(y|n|yes|no|on|off|true|false|null|nan|inf)$/i
/** Begins with a letter or a slash, so it is no number, date, anchor, tag or indicator. */
const PLAIN = /^[A-Za-z/][\w./+=@-]*(:[\w./+=@-]+)*$/
/** YAML 1.1 takes some of these for line breaks, and refuses the others outside of escapes. */
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g

/** Whether every reader of YAML takes this text for itself when it stands without quotes. */
export const isPlainSafe = (text: string): boolean => PLAIN.test(text) && !AMBIGUOUS.test(text)

/**
 * A value as nodes of the failsafe schema: text in double quotes wherever a reader could take it for something else, so
 * that names with quotes, line breaks or `: ` in them stay names.
 */
export function toNode(value: Value): Scalar | YAMLMap | YAMLSeq {
  if (typeof value === 'string') {
    const node = new Scalar(value)
    node.type = isPlainSafe(value) ? Scalar.PLAIN : Scalar.QUOTE_DOUBLE
    return node
  }
  if (typeof value === 'boolean') {
    const node = new Scalar(String(value))
    node.type = Scalar.PLAIN
    return node
  }
  if (isList(value)) {
    const list = new YAMLSeq()
    list.items.push(...value.map(toNode))
    return list
  }
  const map = new YAMLMap()
  for (const [field, child] of Object.entries(value)) {
    if (child !== undefined) map.items.push(new Pair(toNode(field), toNode(child)))
  }
  return map
}

const isList = (value: Value): value is readonly Value[] => Array.isArray(value)

/** Applies an edit to an entry's node; what the edit does not name stays, comments too. */
export function changeEntry(entry: YAMLMap, { section, name, set, mark }: Put): YAMLMap {
  if (!entry.has('name')) putField(entry, 'name', name)
  const body = mapField(entry, bodyField[section])
  for (const [field, value] of Object.entries(set)) {
    if (value === null) body.delete(field)
    else putField(body, field, value)
  }
  const extensions = seqField(body, 'extensions')
  const own = toNode({ name: MARK_NAME, extension: markToValue(mark) })
  const at = extensions.items.findIndex((item) => isMap(item) && item.get('name') === MARK_NAME)
  if (at === -1) extensions.items.push(own)
  else extensions.items[at] = own
  return entry
}

function putField(map: YAMLMap, field: string, value: Value): void {
  const node = toNode(value)
  const pair = map.items.find(({ key }) => isScalar(key) && key.value === field)
  if (pair === undefined) map.items.push(new Pair(toNode(field), node))
  else pair.value = node
}

function mapField(map: YAMLMap, field: string): YAMLMap {
  const found = map.get(field)
  if (isMap(found)) return found
  putField(map, field, {})
  return map.get(field) as YAMLMap
}

function seqField(map: YAMLMap, field: string): YAMLSeq {
  const found = map.get(field)
  if (isSeq(found)) {
    // An empty `[]` would keep its brackets around what comes into it.
    if (found.items.length === 0) found.flow = false
    return found
  }
  putField(map, field, [])
  return map.get(field) as YAMLSeq
}

/** The text of a node, without a line break at its end. Long lines stay lines: base64 is not folded. */
export function nodeText(node: Scalar | YAMLMap | YAMLSeq): string {
  const document = new Document(undefined, { schema: 'failsafe' })
  document.contents = node
  return documentText(document)
    .trimEnd()
    .replace(UNPRINTABLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

export const documentText = (document: Document): string =>
  document.toString({
    lineWidth: 0,
    doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
    indentSeq: false,
  })
