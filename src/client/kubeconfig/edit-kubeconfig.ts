import { isDeepStrictEqual } from 'node:util'
import { isMap, isSeq, YAMLMap } from 'yaml'
import { comparable, editValue } from './edit-value.ts'
import { KubeconfigEditError } from './errors.ts'
import { fieldOf, isNullWord, type KubeconfigText, parseKubeconfigText } from './kubeconfig-text.ts'
import { record } from './mark.ts'
import { spliceYaml } from './splice-yaml.ts'
import type { Edit } from './types.ts'
import { changeEntry, documentText, toNode } from './yaml-nodes.ts'

const NEW_FILE = 'apiVersion: v1\nkind: Config\npreferences: {}\n'

/**
 * The text of a kubeconfig, YAML or JSON, with edits applied. Each byte that belongs to somebody else stays as it is;
 * only a list in brackets with entries in it is laid out anew. What comes out is read again and must say what was asked
 * for, else nothing is changed. Throws KubeconfigEditError KUBECONFIG_UNEDITABLE; `where` names the file in it.
 */
export function editKubeconfig(text: string, edits: readonly Edit[], where: string): string {
  const before = parseKubeconfigText(text, where)
  if (isSame(before, editValue(meaningOf(before), edits))) return text
  const page = parseKubeconfigText(begun(before), where)
  const after =
    editJson(text, edits) ?? spliceYaml(page, edits) ?? rewritten(page.text, edits, where)
  if (!isSame(parseKubeconfigText(after, where), editValue(meaningOf(page), edits))) {
    throw new KubeconfigEditError(
      'KUBECONFIG_UNEDITABLE',
      `${where} is written in a way that tsh cannot change without touching what is not its own`,
    )
  }
  return after
}

const isSame = (file: KubeconfigText, value: Readonly<Record<string, unknown>>): boolean =>
  isDeepStrictEqual(comparable(meaningOf(file)), comparable(value))

const meaningOf = ({ document }: KubeconfigText): Readonly<Record<string, unknown>> =>
  record(document.toJS()) ?? {}

/** JSON keeps its indentation; null when the text is none. */
function editJson(text: string, edits: readonly Edit[]): string | null {
  if (!text.trimStart().startsWith('{')) return null
  const value = record(parseJson(text))
  if (value === null) return null
  const indent = /^\s*\{\r?\n([ \t]+)/.exec(text)?.[1]
  return JSON.stringify(editValue(value, edits), null, indent) + (/\s*$/.exec(text)?.[0] ?? '')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** A file without content (new, empty, `null`, only comments) becomes one; comments stay. Its last line is ended. */
function begun({ text, root }: KubeconfigText): string {
  const newline = text.includes('\r\n') ? '\r\n' : '\n'
  const ended = (part: string): string =>
    part === '' || part.endsWith('\n') ? part : part + newline
  if (root !== null) return root.flow === true ? text : ended(text)
  const lines = text.split('\n').filter((line) => line.trim() === '' || !isNullWord(line.trim()))
  return ended(lines.join('\n')) + NEW_FILE
}

/** For lists in brackets: comments stay, the layout may change. */
function rewritten(text: string, edits: readonly Edit[], where: string): string {
  // Splicing changes nodes as it goes, so this starts from the text again.
  const { document, root } = parseKubeconfigText(text, where)
  if (root === null) return document.toString()
  for (const edit of edits) {
    if (edit.kind === 'select') {
      root.set('current-context', toNode(edit.context))
      continue
    }
    const found = fieldOf(root, edit.section)?.value
    const list = isSeq(found) ? found : null
    const at = list?.items.findIndex((item) => isMap(item) && item.get('name') === edit.name) ?? -1
    const entry = list?.items[at]
    if (edit.kind === 'remove') {
      if (at !== -1) list?.items.splice(at, 1)
    } else if (isMap(entry)) {
      changeEntry(entry, edit)
    } else if (list === null) {
      root.set(edit.section, toNode([]))
      const fresh = root.get(edit.section)
      if (isSeq(fresh)) fresh.items.push(changeEntry(new YAMLMap(), edit))
    } else {
      list.items.push(changeEntry(new YAMLMap(), edit))
    }
  }
  return documentText(document)
}
