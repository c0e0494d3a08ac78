import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { candidates } from '../../../src/cli/completion/candidates.ts'
import { run } from '../../../src/cli/run.ts'
import { buildTctl } from '../../../src/cli/tctl/program.ts'
import { buildTsh } from '../../../src/cli/tsh/program.ts'
import { buildTeleport } from '../../../src/daemon/program.ts'
import { FakeIo } from '../../support/fake-io.ts'

const nothing = async (): Promise<void> => {}
const programs = {
  tsh: (io: FakeIo) => buildTsh(io),
  tctl: (io: FakeIo) => buildTctl(io),
  teleport: () =>
    buildTeleport(
      { start: nothing, configure: nothing, deleteState: nothing, printVersion: nothing },
      '1.2.3',
    ),
}

/** Every command of a program and the words that lead to it, hidden ones too. */
function commandsOf(
  command: Command,
  above: readonly string[] = [],
): readonly { readonly words: readonly string[]; readonly command: Command }[] {
  const words = [...above, command.name()]
  return [{ words, command }, ...command.commands.flatMap((child) => commandsOf(child, words))]
}

const all = Object.values(programs)
  .flatMap((build) => commandsOf(build(new FakeIo())))
  .map((each) => ({ ...each, line: each.words.join(' ') }))

/** What `--help` prints, through the whole of the program. */
async function helpOf([name, ...words]: readonly string[]): Promise<string> {
  const io = new FakeIo()
  const build = programs[name as keyof typeof programs]
  if (name === 'teleport') {
    // The daemon prints by itself; its text is made the same way.
    const command = commandsOf(build(io)).find(
      (each) => each.words.join(' ') === [name, ...words].join(' '),
    )
    command?.command
      .configureOutput({ writeOut: (text) => void io.stdout.write(text) })
      .outputHelp()
    return io.out
  }
  expect(await run(() => build(io), [...words, '--help'], io)).toBe(0)
  expect(io.err).toBe('')
  return io.out
}

it('the walk finds commands of every depth', () => {
  const names = all.map(({ line }) => line)
  expect(names).toEqual(
    expect.arrayContaining([
      'tsh',
      'tsh kube each',
      'tctl users reset',
      'teleport kube-state delete',
    ]),
  )
  expect(new Set(names).size).toBe(names.length)
})

it.each(['tsh', 'tctl'] as const)(
  '%s --version prints what its version command prints',
  async (name) => {
    const flag = new FakeIo()
    expect(await run(() => programs[name](flag), ['--version'], flag)).toBe(0)
    const command = new FakeIo()
    await run(() => programs[name](command), ['version'], command)
    expect(flag.out).toMatch(/^(tsh )?\d+\.\d+\.\d+\n$/)
    expect(command.out).toContain(flag.out)
  },
)

it('teleport --version prints the version', () => {
  let printed = ''
  const program = programs
    .teleport()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        printed += text
      },
    })
  expect(() => program.parse(['--version'], { from: 'user' })).toThrow()
  expect(printed).toBe('1.2.3\n')
})

it('a wrong flag of teleport leads to the help of its command', async () => {
  let said = ''
  const program = programs.teleport()
  for (const command of program.commands) {
    command.configureOutput({
      writeErr: (text) => {
        said += text
      },
    })
  }
  await expect(program.parseAsync(['configure', '--nonsense'], { from: 'user' })).rejects.toThrow()
  expect(said).toContain('(see "teleport configure --help")')
})

describe.each(all)('the help of $line', ({ words, command, line }) => {
  it('says what it is for, without ending like a sentence', async () => {
    expect(command.description()).toMatch(/[^.]$/)
    expect(await helpOf(words)).toContain(`Usage: ${line}`)
  })

  it('has an example of itself, and none of another program', async () => {
    const [, shown = ''] = (await helpOf(words)).split('\nExamples:\n')
    const examples = shown.split('\n').filter((each) => each.startsWith('  $ '))
    expect(examples).not.toEqual([])
    // Flags of the program may stand before the command, and a pipe or variables around it.
    const typed = examples.map((example) => example.split(/[\s()]+/))
    expect(typed).toContainEqual(expect.arrayContaining([...words]))
    for (const each of typed) expect(each).toContain(words[0])
  })

  it('explains each argument and each flag', () => {
    for (const argument of command.registeredArguments) expect(argument.description).not.toBe('')
    for (const { hidden, description } of command.options) {
      if (!hidden) expect(description).not.toBe('')
    }
  })

  it('is no wider than a page in its own lines', async () => {
    for (const each of (await helpOf(words)).split('\n')) {
      if (!each.startsWith('  $ ')) expect(each.length).toBeLessThanOrEqual(120)
    }
  })
})

describe.each(['tsh', 'tctl'] as const)('completion of %s', (name) => {
  const program = programs[name](new FakeIo())
  const none = async (): Promise<[]> => []

  it.each(commandsOf(program).map((each) => ({ ...each, line: each.words.join(' ') })))(
    'knows what follows $line',
    async ({ words, command }) => {
      const offered = async (typed: string): Promise<readonly string[]> =>
        (await candidates(program, [...words.slice(1), typed], none)).map(({ word }) => word)
      const children = program.createHelp().visibleCommands(command)
      if (command.commands.length > 0) {
        expect(await offered('')).toEqual(children.map((child) => child.name()))
      }
      const flags = command.options.flatMap(({ long, hidden }) => (hidden ? [] : (long ?? [])))
      expect(await offered('-')).toEqual(expect.arrayContaining(flags))
    },
  )
})
