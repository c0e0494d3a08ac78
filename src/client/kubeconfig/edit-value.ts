import { isNullWord } from './kubeconfig-text.ts'
import { MARK_NAME, markToValue, record } from './mark.ts'
import { bodyField, type Edit, type Put, type Section } from './types.ts'

type Fields = Readonly<Record<string, unknown>>

/** What a kubeconfig says after edits, from what it said before: values in, a new value out. */
export function editValue(value: Fields, edits: readonly Edit[]): Fields {
  return edits.reduce(editOnce, value)
}

function editOnce(value: Fields, edit: Edit): Fields {
  if (edit.kind === 'select') return { ...value, 'current-context': edit.context }
  const list = listOf(value[edit.section])
  const at = list.findIndex((item) => record(item)?.['name'] === edit.name)
  if (edit.kind === 'remove') {
    return at === -1 ? value : { ...value, [edit.section]: list.toSpliced(at, 1) }
  }
  const item = changedItem(record(list[at]) ?? { name: edit.name }, edit)
  return {
    ...value,
    [edit.section]: at === -1 ? [...list, item] : list.with(at, item),
  }
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

function changedItem(item: Fields, { section, set, mark }: Put): Fields {
  const field = bodyField[section]
  const body: Record<string, unknown> = { ...record(item[field]) }
  for (const [name, value] of Object.entries(set)) {
    if (value === null) delete body[name]
    else body[name] = value
  }
  const extensions = listOf(body['extensions'])
  const own = { name: MARK_NAME, extension: markToValue(mark) }
  const at = extensions.findIndex((each) => record(each)?.['name'] === MARK_NAME)
  body['extensions'] = at === -1 ? [...extensions, own] : extensions.with(at, own)
  return { ...item, [field]: body }
}

/** Two kubeconfigs that say the same become equal: lists that are empty or not there, scalars by their text. */
export function comparable(value: Fields): unknown {
  const result: Record<string, unknown> = { ...value }
  for (const section of Object.keys(bodyField) as Section[]) {
    if (listOf(result[section]).length === 0) delete result[section]
  }
  const current = result['current-context']
  if (typeof current !== 'string' || isNullWord(current)) delete result['current-context']
  return asText(result)
}

function asText(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asText)
  const fields = record(value)
  if (fields === null) return value === null ? '' : String(value)
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, child]) => child !== undefined)
      .map(([name, child]) => [name, asText(child)]),
  )
}
