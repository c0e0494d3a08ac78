import { Argument, Command, Option } from 'commander'
import { describe, expect, it } from 'vitest'
import { candidates, type Slot } from './candidates.ts'

function program(): Command {
  const ls = new Command('ls')
    .option('--format <format>', 'how')
    .addOption(new Option('--level <level>', 'how loud').choices(['high', 'low']))
    .addOption(new Option('--secret').hideHelp())
    .option('-v, --verbose', 'more')
  const use = new Command('use')
    .alias('take')
    .argument('<cluster>', 'which')
    .argument('[files...]', 'what')
  const shell = new Command('shell').addArgument(
    new Argument('<name>', 'which').choices(['sh', 'zsh']),
  )
  return new Command('tool')
    .option('-c, --config <file>', 'where')
    .option('--format <format>', 'of all')
    .addCommand(new Command('kube').description('clusters').addCommand(ls).addCommand(use))
    .addCommand(shell)
    .addCommand(new Command('hidden'), { hidden: true })
}

const wordsFor = async (slot: Slot): Promise<{ word: string; says: string }[]> => {
  const name = 'option' in slot ? slot.option.long : slot.argument.name()
  switch (name) {
    case '--format':
      return [{ word: `${slot.command.name()}-json`, says: '' }]
    case 'cluster':
      return [
        { word: 'prod', says: 'a cluster' },
        { word: 'dev', says: 'a cluster' },
      ]
    case 'files':
      return [{ word: 'one', says: '' }]
    default:
      return []
  }
}

describe('candidates()', () => {
  it.each([
    ['the commands', '', ['kube', 'shell', 'help']],
    ['those that begin like this', 'k', ['kube']],
    ['commands below a command', 'kube ', ['ls', 'use', 'help']],
    [
      'its flags and those above, each once',
      'kube ls -',
      ['--format', '--level', '--verbose', '--config'],
    ],
    ['a flag', 'kube ls --v', ['--verbose']],
    ['words that are declared for a flag', 'kube ls --level ', ['high', 'low']],
    ['the same behind =', 'kube ls --level=h', ['--level=high']],
    ['words that the moment knows', 'kube ls --format ', ['ls-json']],
    ['a flag of the program, before the command', '--format ', ['tool-json']],
    ['commands behind a flag with a value', '-c x ', ['kube', 'shell', 'help']],
    ['commands behind a flag without one', 'kube ls -v --le', ['--level']],
    ['an argument', 'kube use ', ['prod', 'dev']],
    ['one that begins like this', 'kube use p', ['prod']],
    ['the same behind another name of the command', 'kube take p', ['prod']],
    ['the argument behind it, and again', 'kube use prod one ', ['one']],
    ['words that are declared for an argument', 'shell z', ['zsh']],
    ['nothing behind the last argument', 'shell sh ', []],
    ['nothing for a value that is a file', '-c ', []],
    ['nothing for what is unknown', 'kube nonsense ', []],
  ])('offers %s', async (_what, line, expected) => {
    const found = await candidates(program(), line.split(' '), wordsFor)
    expect(found.map(({ word }) => word)).toEqual(expected)
  })

  it('says what a word is for', async () => {
    expect(await candidates(program(), ['kube', 'use', 'p'], wordsFor)).toEqual([
      { word: 'prod', says: 'a cluster' },
    ])
  })
})
