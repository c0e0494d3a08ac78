import { Argument, Command } from 'commander'
import { print } from '../../io.ts'
import { examples } from '../../run.ts'
import type { TshContext } from '../context.ts'
import { completionScript, type Shell, shells } from './scripts.ts'

/** `tsh completion` */
export function completionCommand({ world }: TshContext): Command {
  const command = new Command('completion')
    .description('print what makes a shell complete the words of tsh, names of clusters included')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action((shell: Shell) => print(world.io, completionScript[shell]))
  return examples(command, [
    'source <(tsh completion bash)',
    'source <(tsh completion zsh)',
    'tsh completion fish | source',
  ])
}
