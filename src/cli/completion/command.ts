import { Argument, Command } from 'commander'
import { type Io, print } from '../io.ts'
import { examples } from '../run.ts'
import { completionScript, type Shell, shells } from './scripts.ts'

/** `<program> completion` */
export function completionCommand(io: Io, program: string): Command {
  const command = new Command('completion')
    .description(`print what makes a shell complete the words of ${program}`)
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action((shell: Shell) => print(io, completionScript(program, shell)))
  return examples(command, [
    `source <(${program} completion bash)`,
    `source <(${program} completion zsh)`,
    `${program} completion fish | source`,
  ])
}
