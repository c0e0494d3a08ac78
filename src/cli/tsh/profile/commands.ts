import { Command } from 'commander'
import { examples } from '../../run.ts'
import type { TshContext } from '../context.ts'
import { formatFlag } from '../flags.ts'
import type { LogoutFlags } from './logout.ts'

export function logoutCommand(context: TshContext): Command {
  const command = new Command('logout')
    .description('destroy the keys of a login, and take its contexts out of the kubeconfig')
    .option('--all', 'every proxy, every user')
    .action(async (flags: LogoutFlags) => {
      const { logout } = await import('./logout.ts')
      await logout(context, flags)
    })
  return examples(command, [
    'tsh logout',
    'tsh logout --proxy=teleport.example.com --user=joe',
    'tsh logout --all',
  ])
}

export function statusCommand(context: TshContext): Command {
  const command = new Command('status')
    .description('show every login: until when, which roles, which clusters')
    .addOption(formatFlag())
    .action(async (flags: { format: string }) => {
      const { status } = await import('./status.ts')
      await status(context, flags)
    })
  return examples(command, ['tsh status', 'tsh status --format=json'])
}

export function clustersCommand(context: TshContext): Command {
  const command = new Command('clusters')
    .description('list the Teleport clusters behind the proxy')
    .addOption(formatFlag())
    .action(async (flags: { format: string }) => {
      const { clusters } = await import('./clusters.ts')
      await clusters(context, flags)
    })
  return examples(command, ['tsh clusters', 'tsh clusters --format=yaml'])
}

export function envCommand(context: TshContext): Command {
  const command = new Command('env')
    .description('print variables with which other shells mean this login')
    .option('--unset', 'print what takes them back')
    .addOption(formatFlag())
    .action(async (flags: { format: string; unset?: boolean }) => {
      const { env } = await import('./env.ts')
      await env(context, flags)
    })
  return examples(command, ['eval "$(tsh env)"', 'eval "$(tsh env --unset)"'])
}

export function versionCommand(context: TshContext): Command {
  const command = new Command('version')
    .description('print the version, and that of the server where you are logged in')
    .option('--client', 'only that of tsh')
    .addOption(formatFlag())
    .action(async (flags: { format: string; client?: boolean }) => {
      const { version } = await import('./version.ts')
      await version(context, flags)
    })
  return examples(command, ['tsh version', 'tsh version --client'])
}
