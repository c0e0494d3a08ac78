import { Command } from 'commander'
import type { TokenResource } from '../../../contract/index.ts'
import { parseDuration } from '../../../core/index.ts'
import { durationFlag } from '../../duration-flag.ts'
import { CliError } from '../../errors.ts'
import { labelsText, parseFormat, render, renderOne, table } from '../../format.ts'
import { print } from '../../io.ts'
import { examples } from '../../run.ts'
import type { TctlContext } from '../context.ts'
import { instructions } from './instructions.ts'

const TYPES = ['kube', 'proxy'] as const
type Type = (typeof TYPES)[number]
const SHORTEST = '1m'
const MOST = '48h'

/** `tctl tokens` */
export function tokensCommand(context: TctlContext): Command {
  const command = new Command('tokens')
    .description(
      'join tokens: with one, a proxy or a kubernetes service elsewhere becomes a member',
    )
    .addCommand(addCommand(context))
    .addCommand(lsCommand(context))
    .addCommand(rmCommand(context))
  return examples(command, ['tctl tokens add --type=kube --ttl=1h', 'tctl tokens ls'])
}

interface AddFlags {
  readonly type: string
  readonly ttl?: string
  readonly labels?: string
  readonly kubeResources?: string[]
  readonly value?: string
  readonly format: string
}

function addCommand({ io, connect }: TctlContext): Command {
  const command = new Command('add')
    .description('make a join token, and print what to do with it')
    .requiredOption('--type <services>', 'what may join with it: kube, proxy or both')
    .option('--ttl <duration>', `how long it works, at most ${MOST} (default: 1h)`)
    .option('--labels <labels>', 'labels of who joins with it, like team=blue,env=prod')
    .option(
      '--kube-resources <labels>',
      'which kube_cluster resources its agents may serve, like env=dev; "*=*" is all; once more for others (default: none)',
      (text: string, before: string[] = []) => [...before, text],
    )
    .option('--value <token>', 'the token itself, at least 16 characters (default: a random one)')
    .option('--format <format>', 'text, json or yaml', 'text')
    .action(async (flags: AddFlags) => {
      const format = parseFormat(flags.format)
      const body = {
        services: typesOf(flags.type),
        ...(flags.ttl === undefined ? {} : { ttl_ms: ttlOf(flags.ttl) }),
        ...(flags.labels === undefined ? {} : { labels: labelsOf(flags.labels) }),
        ...(flags.kubeResources === undefined
          ? {}
          : { kube_resources: flags.kubeResources.map((text) => ({ labels: matcherOf(text) })) }),
        ...(flags.value === undefined ? {} : { value: flags.value }),
      }
      using client = await connect()
      const made = await client.call('tokens.create', { body })
      print(io, renderOne(format, made, instructions))
    })
  return examples(command, [
    'tctl tokens add --type=kube',
    'tctl tokens add --type=kube --ttl=24h --labels=team=blue',
    'tctl tokens add --type=kube --kube-resources=env=dev --kube-resources=team=blue',
    'tctl tokens add --type=proxy,kube --format=json',
  ])
}

function lsCommand({ io, connect }: TctlContext): Command {
  const command = new Command('ls')
    .description('list join tokens; the names tell them apart and are not the secrets')
    .option('--format <format>', 'text, json or yaml', 'text')
    .action(async (flags: { format: string }) => {
      const format = parseFormat(flags.format)
      using client = await connect()
      const { items } = await client.call('tokens.list', {})
      print(io, render(format, items, tokensText))
    })
  return examples(command, ['tctl tokens ls', 'tctl tokens ls --format=json'])
}

const tokensText = (tokens: readonly TokenResource[]): string =>
  table(
    ['Token', 'Type', 'Labels', 'Expires'],
    tokens.map(({ metadata, spec, status }) => [
      metadata.name,
      spec.roles.join(','),
      labelsText(metadata.labels),
      status.static ? 'never (stands in teleport.yaml)' : (metadata.expires ?? ''),
    ]),
  )

function rmCommand({ io, connect }: TctlContext): Command {
  const command = new Command('rm')
    .description('end a join token; who has joined with it stays')
    .argument('<name>', 'its name, as "tctl tokens ls" shows it')
    .action(async (name: string) => {
      using client = await connect()
      await client.call('tokens.delete', { params: { name } })
      print(io, `token "${name}" removed: nobody joins with it any more`)
    })
  return examples(command, ['tctl tokens rm 3f1c9a5be0d24786'])
}

function typesOf(text: string): Type[] {
  return text.split(',').map((part) => {
    const found = TYPES.find((type) => type === part.trim().toLowerCase())
    if (found !== undefined) return found
    throw new CliError('USAGE', `--type=${text}: "${part}" cannot join: ${TYPES.join(' and ')} can`)
  })
}

function ttlOf(text: string): number {
  const ms = durationFlag('--ttl', text)
  if (ms >= parseDuration(SHORTEST) && ms <= parseDuration(MOST)) return ms
  throw new CliError('USAGE', `--ttl=${text}: a join token lives between ${SHORTEST} and ${MOST}`)
}

const labelsOf = (text: string): Record<string, string> => pairsOf('--labels', text)
const matcherOf = (text: string): Record<string, string> => pairsOf('--kube-resources', text)

function pairsOf(flag: string, text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(',').map((part) => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(part.trim()) ?? []
      if (name !== undefined && value !== undefined) return [name, value]
      throw new CliError('USAGE', `${flag}=${text}: "${part}" is not name=value`)
    }),
  )
}
