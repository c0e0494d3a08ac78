import { isDeepStrictEqual } from 'node:util'
import { errorMessage } from '../../../core/index.ts'
import { CliError } from '../../errors.ts'
import { printable, toYaml } from '../../format.ts'
import { parseResources } from './create.ts'
import type { AnyResource } from './kinds.ts'

/** Lines of ours in the text, told from a person’s own comments. */
const OURS = '#: '

/** What an edit came to. */
export type Edited =
  | { readonly type: 'empty' }
  | { readonly type: 'unchanged' }
  | { readonly type: 'invalid'; readonly problem: string }
  | { readonly type: 'changed'; readonly resource: AnyResource }

/** A resource as a text to be edited, with what to know above it. */
export function textOf(resource: AnyResource): string {
  return [
    `${OURS}${resource.kind} "${resource.metadata.name}": save and close the editor to write it.`,
    `${OURS}Nothing is written when nothing was changed, or when nothing is left.`,
    toYaml(resource),
  ].join('\n')
}

/** The same text for another try, with what is wrong above it instead. */
export function withProblem(text: string, problem: string): string {
  const lines = problem.split('\n').map((line) => `${OURS}${printable(line)}`)
  return [
    ...lines,
    `${OURS}Mend it, or close the editor without a change to give up.`,
    body(text),
  ].join('\n')
}

const body = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith(OURS))
    .join('\n')

/**
 * Holds an edited text against what it was made of. Kind and name stay, since they say which resource it is; so does the
 * revision, by which a change that somebody else made in between is noticed.
 */
export function judgeEdit(original: AnyResource, text: string): Edited {
  if (text.split('\n').every((line) => /^\s*(?:#.*)?$/.test(line))) return { type: 'empty' }
  try {
    const [parsed, ...others] = parseResources('the text', text)
    if (parsed === undefined || others.length > 0) {
      return { type: 'invalid', problem: 'the text has more than one resource in it' }
    }
    const { resource } = parsed
    if (parsed.kind.kind !== original.kind || resource.metadata.name !== original.metadata.name) {
      return {
        type: 'invalid',
        problem: `kind and metadata.name must stay ${original.kind} and "${original.metadata.name}": "tctl create" makes another resource`,
      }
    }
    const revised = withRevisionOf(original, resource)
    if (isDeepStrictEqual(revised, original)) return { type: 'unchanged' }
    return { type: 'changed', resource: revised }
  } catch (error) {
    if (error instanceof CliError) return { type: 'invalid', problem: errorMessage(error) }
    throw error
  }
}

function withRevisionOf(original: AnyResource, edited: AnyResource): AnyResource {
  const revision = 'revision' in original.metadata ? original.metadata.revision : undefined
  if (revision === undefined) return edited
  return { ...edited, metadata: { ...edited.metadata, revision } } as AnyResource
}
