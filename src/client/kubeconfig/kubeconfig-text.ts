import { type Document, isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml'
import { KubeconfigEditError } from './errors.ts'
import { record } from './mark.ts'
import { bodyField, type Section } from './types.ts'

/** Far above any real kubeconfig, and read at once. */
export const MAX_KUBECONFIG_BYTES = 16 * 1024 * 1024
const MAX_ALIASES = 100

export interface Entry {
  readonly name: string
  readonly body: Readonly<Record<string, unknown>>
}

/** A kubeconfig as text and as what it says. All scalars are text, as they were written. */
export interface KubeconfigText {
  readonly text: string
  readonly document: Document
  /** The document's mapping; null when there is none yet. */
  readonly root: YAMLMap | null
  readonly sections: Readonly<Record<Section, readonly Entry[]>>
  /** Empty when none is selected. */
  readonly currentContext: string
}

/** Parses what stands in a file; `where` names it. Throws KubeconfigEditError KUBECONFIG_UNEDITABLE. */
export function parseKubeconfigText(text: string, where: string): KubeconfigText {
  const fail = (problem: string, cause?: unknown): KubeconfigEditError =>
    new KubeconfigEditError(
      'KUBECONFIG_UNEDITABLE',
      `${where} cannot be read as a kubeconfig: ${problem}`,
      { cause },
    )
  if (Buffer.byteLength(text) > MAX_KUBECONFIG_BYTES) throw fail('it is too large')
  const document = parseDocument(text, {
    schema: 'failsafe',
    merge: true,
    keepSourceTokens: true,
    logLevel: 'error',
  })
  const [first] = document.errors
  if (first !== undefined) {
    const line = first.linePos?.[0].line
    throw fail(`${first.code}${line === undefined ? '' : ` at line ${line}`}`)
  }
  const { contents } = document
  const isEmpty = contents === null || (isScalar(contents) && isNullWord(contents.source ?? ''))
  if (!isEmpty && !isMap(contents)) {
    throw fail('it is not a mapping')
  }
  const value = toValue(document, fail)
  const entriesOf = (section: Section): Entry[] => {
    const list = value[section]
    if (!Array.isArray(list)) return []
    return list.flatMap((item) => {
      const name = record(item)?.['name']
      if (typeof name !== 'string') return []
      return [{ name, body: record(record(item)?.[bodyField[section]]) ?? {} }]
    })
  }
  const current = value['current-context']
  return {
    text,
    document,
    root: isMap(contents) ? contents : null,
    sections: {
      clusters: entriesOf('clusters'),
      users: entriesOf('users'),
      contexts: entriesOf('contexts'),
    },
    currentContext: typeof current === 'string' && !isNullWord(current) ? current : '',
  }
}

/** The words with which a file says that a list is not there. */
export const isNullWord = (text: string): boolean => /^(|~|null)$/i.test(text)

/** The pair of a top-level field; null when it is absent. */
export function fieldOf(root: YAMLMap, name: string): Pair | null {
  return root.items.find(({ key }) => isScalar(key) && key.value === name) ?? null
}

function toValue(
  document: Document,
  fail: (problem: string, cause?: unknown) => Error,
): Readonly<Record<string, unknown>> {
  try {
    return record(document.toJS({ maxAliasCount: MAX_ALIASES })) ?? {}
  } catch (error) {
    throw fail('its aliases cannot be resolved', error)
  }
}
