import { type Command, Option } from 'commander'
import type { ConnectionFlags } from './choose.ts'

const FLAGS: readonly (readonly [name: keyof ConnectionFlags, flags: string, says: string])[] = [
  [
    'config',
    '-c, --config <file>',
    'configuration file of the auth service of this machine (default: $TELEPORT_CONFIG_FILE, else /etc/teleport.yaml)',
  ],
  [
    'identity',
    '-i, --identity <file>',
    'identity file of "tctl auth sign --format=file" (default: $TELEPORT_IDENTITY_FILE)',
  ],
  [
    'authServer',
    '--auth-server <host:port>',
    'where the auth service is, or a proxy in front of it (default: $TELEPORT_AUTH_SERVER; port 3025)',
  ],
  [
    'proxy',
    '--proxy <host:port>',
    'the same by a proxy’s web port (default: $TELEPORT_PROXY; port 3080)',
  ],
]

/**
 * Lets the flags of the connection stand before and after the command’s name, as people type them. A command that has a
 * flag of the same name keeps it: there it means what the command says (`auth sign --proxy`). Call it when all commands are
 * added; the result tells the flags once a command runs.
 */
export function connectionFlags(program: Command): () => ConnectionFlags {
  const ours = new WeakSet<Option>()
  const add = (command: Command, hidden: boolean): void => {
    // Else the program would take a command's own flag as its own.
    command.enablePositionalOptions()
    for (const [, flags, says] of FLAGS) {
      const option = new Option(flags, says)
      if (command.options.some(({ long }) => long === option.long)) continue
      command.addOption(hidden ? option.hideHelp() : option)
      ours.add(option)
    }
    for (const child of command.commands) add(child, true)
  }
  add(program, false)
  let given: ConnectionFlags = {}
  program.hook('preAction', (_program, action) => {
    given = {}
    for (let command: Command | null = action; command !== null; command = command.parent) {
      for (const option of command.options) {
        if (ours.has(option)) given = { ...givenValue(command, option), ...given }
      }
    }
  })
  return () => given
}

function givenValue(command: Command, option: Option): ConnectionFlags {
  const name = option.attributeName()
  const value: unknown = command.getOptionValue(name)
  return typeof value === 'string' ? { [name]: value } : {}
}
