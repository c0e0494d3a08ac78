import type { Argument, Command, Option } from 'commander'

/** What a shell offers next, and what it is for. */
export interface Candidate {
  /** One that ends with `/` or `=` goes on: no space follows it. */
  readonly word: string
  readonly says: string
}

/** A value that is being typed: of a flag, or an argument of the command. */
export type Slot =
  | { readonly command: Command; readonly option: Option }
  | { readonly command: Command; readonly argument: Argument }

/** The words for a value; those that the declaration itself names are offered without asking. */
export type WordsFor = (slot: Slot) => Promise<readonly Candidate[]>

/**
 * What may follow on a command line; `words` are those behind the program's name, the last one being typed. Files are the
 * shell's own business: for those there is nothing here.
 */
export async function candidates(
  program: Command,
  words: readonly string[],
  wordsFor: WordsFor,
): Promise<readonly Candidate[]> {
  const typed = words.at(-1) ?? ''
  const place = walk(program, words.slice(0, -1))
  const found = await offered(program, place, typed, wordsFor)
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
  program: Command,
  { command, positionals, pending }: Place,
  typed: string,
  wordsFor: WordsFor,
): Promise<readonly Candidate[]> {
  const inline = /^(--[\w-]+)=/.exec(typed)?.[1]
  if (inline !== undefined) {
    const option = optionsOf(command).find(({ long }) => long === inline)
    const values = option === undefined ? [] : await valuesOf({ command, option }, wordsFor)
    return values.map(({ word, says }) => ({ word: `${inline}=${word}`, says }))
  }
  if (pending !== null) return valuesOf({ command, option: pending }, wordsFor)
  if (typed.startsWith('-')) return flagsOf(command)
  const children = positionals > 0 ? [] : program.createHelp().visibleCommands(command)
  if (children.length > 0) {
    return children.map((child) => ({ word: child.name(), says: child.description() }))
  }
  const declared = command.registeredArguments
  const argument =
    declared[positionals] ?? (declared.at(-1)?.variadic === true ? declared.at(-1) : undefined)
  return argument === undefined ? [] : valuesOf({ command, argument }, wordsFor)
}

/** Each flag once: a command's own before one of the same name above it. */
function flagsOf(command: Command): readonly Candidate[] {
  const flags = new Map<string, string>()
  for (const { long, description, hidden } of optionsOf(command)) {
    if (typeof long === 'string' && !hidden && !flags.has(long)) flags.set(long, description)
  }
  return [...flags].map(([word, says]) => ({ word, says }))
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
        positionals === 0
          ? command.commands.find((each) => [each.name(), ...each.aliases()].includes(word))
          : undefined
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

async function valuesOf(slot: Slot, wordsFor: WordsFor): Promise<readonly Candidate[]> {
  const { argChoices } = 'option' in slot ? slot.option : slot.argument
  return argChoices === undefined ? wordsFor(slot) : argChoices.map((word) => ({ word, says: '' }))
}
