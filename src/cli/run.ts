import { type Argument, Command, CommanderError, Help, type Option } from 'commander'
import { describeError, QuietExit } from './errors.ts'
import { exitCodes } from './exit-codes.ts'
import { printable } from './format.ts'
import { type Io, print, say } from './io.ts'

/**
 * Parses `argv` (without node and script), runs the command, and tells the exit code. Prints errors as one line of
 * what and lines of what to do; never throws.
 */
export async function run(
  build: (io: Io) => Command,
  argv: readonly string[],
  io: Io,
): Promise<number> {
  const program = build(io)
  prepare(program, io)
  program.addHelpCommand(true).addCommand(exitCodesCommand(io), { hidden: true })
  const name = program.name()
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return exitCodes.ok.code
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.ok.code : exitCodes.usage.code
    }
    if (error instanceof QuietExit) return error.exit
    if (io.signal.aborted) return exitCodes.interrupted.code
    const { message, hint, exit } = describeError(error)
    // Some of the words came over the network: no escape sequences.
    say(io, `${name}: ${message.split('\n').map(printable).join('\n')}`)
    for (const line of hint?.split('\n') ?? []) say(io, `${name}: ${printable(line)}`)
    return exit
  }
}

/** Commander must neither exit the process nor write past `io`. */
function prepare(command: Command, io: Io): void {
  command
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    })
    .configureHelp({
      showGlobalOptions: true,
      visibleGlobalOptions: globalOptions,
      // Every command has options: to say so at each of them says nothing.
      subcommandTerm: (child) =>
        [child.name(), ...child.registeredArguments.map(argumentTerm)].join(' '),
    })
  command.showHelpAfterError(`(see "${path(command)} --help")`)
  for (const child of command.commands) prepare(child, io)
}

function argumentTerm(argument: Argument): string {
  const term = argument.name() + (argument.variadic ? '...' : '')
  return argument.required ? `<${term}>` : `[${term}]`
}

/** Those of the program, but for one whose name a command gives another meaning. */
function globalOptions(command: Command): Option[] {
  const all = new Help()
  all.showGlobalOptions = true
  return all
    .visibleGlobalOptions(command)
    .filter(({ long }) => !command.options.some((own) => own.long === long && !own.hidden))
}

const path = (command: Command): string =>
  command.parent === null ? command.name() : `${path(command.parent)} ${command.name()}`

/** Adds an "Examples" section to the help of a command. */
export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText(
    'after',
    `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`,
  )
}

/** `--version`, for whoever tries that first; help names the command `version`. */
export function versionFlag(program: Command, text: string): Command {
  program.version(text, '--version', 'print the version')
  program.options.find(({ long }) => long === '--version')?.hideHelp()
  return program
}

function exitCodesCommand(io: Io): Command {
  return new Command('exit-codes').description('what the exit codes mean').action(() => {
    for (const { code, meaning } of Object.values(exitCodes)) {
      print(io, `${String(code).padStart(3)}  ${meaning}`)
    }
  })
}
