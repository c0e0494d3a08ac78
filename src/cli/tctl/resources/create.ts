import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { parseAllDocuments } from 'yaml'
import { fileWords } from '../../../core/index.ts'
import { CliError } from '../../errors.ts'
import { print, readAll } from '../../io.ts'
import { examples } from '../../run.ts'
import type { TctlContext } from '../context.ts'
import { type AnyResource, type Kind, kindOf } from './kinds.ts'

/** `tctl create` */
export function createCommand(context: TctlContext): Command {
  const command = new Command('create')
    .description('create resources from YAML or JSON; with -f, replace those that exist')
    .argument('[file]', 'file with one or more documents; "-" or none: standard input')
    .option('-f, --force', 'replace what exists')
    .action(async (file: string | undefined, options: { force?: boolean }) => {
      const { io } = context
      const source = file ?? '-'
      const text =
        source === '-'
          ? await readAll(io.stdin)
          : await readFile(source, 'utf8').catch((error: unknown) => {
              throw new CliError('FILE_UNREADABLE', `cannot read ${source}: ${fileWords(error)}`, {
                cause: error,
              })
            })
      // All documents are judged before the first is sent: a typo in the last must not leave half the work done.
      const resources = parseResources(source === '-' ? 'standard input' : source, text)
      using client = await context.connect()
      for (const { kind, create, resource } of resources) {
        await create(client, resource, options.force === true)
        const done = options.force === true ? 'written' : 'created'
        print(io, `${kind.kind} "${resource.metadata.name}" ${done}`)
      }
    })
  return examples(command, [
    'tctl create developer.yaml',
    'tctl create -f admin.yaml',
    'tctl create staging-cluster.yaml',
    'tctl get roles/admin | sed s/view/edit/ | tctl create -f',
  ])
}

interface Parsed {
  readonly kind: Kind
  readonly create: NonNullable<Kind['create']>
  readonly resource: AnyResource
}

/** The documents of a file, each with the call that creates its kind. Throws CliError that names the document. */
export function parseResources(source: string, text: string): readonly Parsed[] {
  const parsed = [...parseAllDocuments(text)].flatMap((document, index): Parsed[] => {
    const place = `${source}, document ${index + 1}`
    const [problem] = document.errors
    if (problem !== undefined) throw new CliError('USAGE', `${place}: ${problem.message}`)
    // `tctl get --format=json` prints a list.
    const value: unknown = document.toJS()
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    return values.filter((entry) => entry !== null).map((entry) => resourceOf(place, entry))
  })
  if (parsed.length === 0) throw new CliError('USAGE', `no resource in ${source}`)
  return parsed
}

function resourceOf(place: string, value: unknown): Parsed {
  if (typeof value !== 'object' || value === null || !('kind' in value)) {
    throw new CliError('USAGE', `${place}: a resource has kind, version, metadata and spec`)
  }
  if (typeof value.kind !== 'string') throw new CliError('USAGE', `${place}: kind is not a word`)
  const kind = kindOf(value.kind)
  if (kind.create === undefined) {
    throw new CliError('USAGE', `${place}: ${kind.kind} is not created by hand`)
  }
  const named =
    'metadata' in value &&
    typeof value.metadata === 'object' &&
    value.metadata !== null &&
    'name' in value.metadata &&
    typeof value.metadata.name === 'string'
  if (!named) throw new CliError('USAGE', `${place}: metadata.name is missing`)
  // The auth service judges the rest against the contract's schema.
  return { kind, create: kind.create, resource: value as unknown as AnyResource }
}
