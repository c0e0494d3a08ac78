import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { ApiCallError, type ApiClient } from '../../../client/index.ts'
import { errorCode, errorMessage } from '../../../core/index.ts'
import { CliError, withHint } from '../../errors.ts'
import { type Io, print, say } from '../../io.ts'
import { examples } from '../../run.ts'
import type { TctlContext } from '../context.ts'
import { judgeEdit, textOf, withProblem } from './edit-text.ts'
import { type AnyResource, type Kind, parseReference } from './kinds.ts'

/** Nobody needs as many; a program that stands in for an editor could go on for ever. */
const MAX_SITTINGS = 20

/** `tctl edit` */
export function editCommand(context: TctlContext): Command {
  const command = new Command('edit')
    .description(
      'change one resource in an editor; a change of somebody else in between is noticed',
    )
    .argument('<kind/name>', 'roles/admin, users/joe, locks/joe, cluster_settings')
    .option('--editor <command>', 'the editor (default: $VISUAL, else $EDITOR, else vi)')
    .action(async (text: string, flags: { editor?: string }) => {
      const { kind, name } = parseReference(text)
      if (kind.create === undefined) {
        throw new CliError('USAGE', `${kind.kind} is not written by hand: services announce it`)
      }
      const wanted = name ?? kind.onlyName
      if (wanted === undefined) {
        throw new CliError('USAGE', `which ${kind.kind}? give ${kind.kind}/<name>`)
      }
      const editor = editorOf(context.io, flags.editor)
      using client = await context.connect()
      await edit({ io: context.io, client, kind, write: kind.create, name: wanted, editor })
    })
  return examples(command, [
    'tctl edit roles/developer',
    'tctl edit cluster_settings',
    'tctl edit users/joe --editor="code --wait"',
    'tctl edit kube_cluster/staging',
  ])
}

function editorOf(io: Io, flag: string | undefined): string {
  const named = flag || io.env['VISUAL'] || io.env['EDITOR']
  if (named !== undefined && named !== '') return named
  if (io.isTty) return 'vi'
  throw new CliError('REFUSED', 'there is no terminal to edit on, and no editor was named', {
    hint: 'name one with --editor or $EDITOR; without an editor: tctl get, then tctl create -f',
  })
}

interface Edit {
  readonly io: Io
  readonly client: ApiClient
  readonly kind: Kind
  readonly write: NonNullable<Kind['create']>
  readonly name: string
  readonly editor: string
}

/**
 * Editor, judge, write; again with the reason above the text while there is somebody who reads it. What a person typed is
 * never lost: when it cannot be written, it stays in its file, and the error says where.
 */
async function edit({ io, client, kind, write, name, editor }: Edit): Promise<void> {
  const original = await kind.read(client, name)
  const unwritable = kind.unwritable?.(original) ?? null
  if (unwritable !== null) throw new CliError('REFUSED', unwritable)
  const directory = await mkdtemp(join(tmpdir(), 'tctl-edit-'))
  const path = join(directory, `${kind.kind}-${name.replace(/[^\w.-]/g, '_')}.yaml`)
  let typed = false
  try {
    let text = textOf(original)
    for (let sitting = 1; ; sitting += 1) {
      await writeFile(path, text, { mode: 0o600 })
      const code = await io.foreground(editor, [path])
      const edited = await readText(path)
      typed ||= edited !== text
      if (code !== 0) {
        throw new CliError('EDITOR_FAILED', `"${editor}" ended with ${code}: nothing was written`)
      }
      const problem = await tryToWrite(client, write, original, edited, io)
      if (problem === null) {
        typed = false
        return
      }
      // Closed with the reason still above it: whoever read it does not want to go on.
      if (edited === text || !io.isTty || sitting === MAX_SITTINGS) throw problem
      text = withProblem(edited, errorMessage(problem))
    }
  } catch (error) {
    if (!typed) throw error
    const kept = withHint(error, `your text is kept in ${path}`)
    if (errorCode(error) !== 'CONFLICT') throw kept
    const reference = kind.onlyName === undefined ? `${kind.kind}/${name}` : kind.kind
    throw withHint(kept, `what is there now: tctl get ${reference} | diff ${path} -`)
  } finally {
    if (!typed) await rm(directory, { recursive: true, force: true })
  }
}

/** What the editor left; nothing, when it left no file. */
async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return ''
    throw error
  }
}

/** Null: done, or there is nothing to do. What can be mended in the text is the result, everything else is thrown. */
async function tryToWrite(
  client: ApiClient,
  write: NonNullable<Kind['create']>,
  original: AnyResource,
  text: string,
  io: Io,
): Promise<Error | null> {
  const edited = judgeEdit(original, text)
  switch (edited.type) {
    case 'empty':
      say(io, 'nothing is left of it: nothing was written')
      return null
    case 'unchanged':
      say(io, 'nothing was changed: nothing was written')
      return null
    case 'invalid':
      return new CliError('REFUSED', edited.problem)
    case 'changed':
      try {
        await write(client, edited.resource, true)
      } catch (error) {
        if (error instanceof ApiCallError && error.status === 400) return error
        throw error
      }
      print(io, `${original.kind} "${original.metadata.name}" written`)
      return null
  }
}
