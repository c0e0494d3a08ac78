import type { Command, Option } from 'commander'

/** What a shell offers next, and what it is for. */
export interface Candidate {
  readonly word: string
  readonly says: string
}

/** Words that only the moment knows: names of clusters, proxies, users. */
export interface LiveWords {
  kubeClusters(): Promise<readonly Candidate[]>
  proxies(): Promise<readonly Candidate[]>
  users(): Promise<readonly Candidate[]>
}

/**
 * What may follow on a command line; `words` are those behind the program's name, the last one being typed. Files are the
 * shell's own business: for those there is nothing here.
 */
export async function candidates(
  program: Command,
  words: readonly string[],
  live: LiveWords,
): Promise<readonly Candidate[]> {
  const typed = words.at(-1) ?? ''
  const { command, positionals, pending } = walk(program, words.slice(0, -1))
  const found = await offered({ program, command, positionals, pending, typed }, live)
  return found.filter(({ word }) => word.startsWith(typed))
}

interface Place {
  readonly command: Command
  /** Words of the command that are no flags. */
  readonly positionals: number
  /** A flag that waits for its value. */
  readonly pending: Option | null
}

async function offered(
  place: Place & { readonly program: Command; readonly typed: string },
  live: LiveWords,
): Promise<readonly Candidate[]> {
  const { program, command, positionals, pending, typed } = place
  const inline = /^(--[\w-]+)=/.exec(typed)?.[1]
  if (inline !== undefined) {
    const option = optionsOf(command).find(({ long }) => long === inline)
    const values = option === undefined ? [] : await valuesOf(option, command, live)
    return values.map(({ word, says }) => ({ word: `${inline}=${word}`, says }))
  }
  if (pending !== null) return valuesOf(pending, command, live)
  if (typed.startsWith('-')) {
    return optionsOf(command).flatMap(({ long, description, hidden }) =>
      long === null || long === undefined || hidden ? [] : [{ word: long, says: description }],
    )
  }
  const children = program
    .createHelp()
    .visibleCommands(command)
    .map((child) => ({ word: child.name(), says: child.description() }))
  if (positionals > 0) return []
  if (children.length > 0) return children
  const [first] = command.registeredArguments
  return first?.name() === 'name' && command.parent?.name() === 'kube'
    ? live.kubeClusters()
    : (first?.argChoices ?? []).map((word) => ({ word, says: '' }))
}

/** Follows the words down the tree of commands. */
function walk(program: Command, words: readonly string[]): Place {
  let command = program
  let positionals = 0
  let pending: Option | null = null
  for (const word of words) {
    if (pending !== null) {
      pending = null
    } else if (word.startsWith('-')) {
      const option = optionsOf(command).find(({ long, short }) => long === word || short === word)
      pending = option !== undefined && takesValue(option) ? option : null
    } else {
      const child: Command | undefined =
        positionals === 0 ? command.commands.find((each) => each.name() === word) : undefined
      if (child === undefined) positionals += 1
      else command = child
    }
  }
  return { command, positionals, pending }
}

const takesValue = ({ required, optional }: Option): boolean => required || optional

/** A command's own, and those of the commands above it. */
function optionsOf(command: Command): readonly Option[] {
  return [...command.options, ...(command.parent === null ? [] : optionsOf(command.parent))]
}

async function valuesOf(
  { long, argChoices, description }: Option,
  command: Command,
  live: LiveWords,
): Promise<readonly Candidate[]> {
  if (argChoices !== undefined) return argChoices.map((word) => ({ word, says: '' }))
  switch (long) {
    case '--kube-cluster':
      return live.kubeClusters()
    case '--proxy':
      return live.proxies()
    case '--user':
      return live.users()
    case '--format': {
      const words = command.name() === 'login' ? ['file', 'kubernetes'] : ['text', 'json', 'yaml']
      return words.map((word) => ({ word, says: '' }))
    }
    case '--auth':
      return [{ word: 'local', says: description }]
    default:
      return []
  }
}
