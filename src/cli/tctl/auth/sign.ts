import { Command } from 'commander'
import type { ResponseOf } from '../../../contract/index.ts'
import { formatDuration } from '../../../core/index.ts'
import { generateKeyPair, privateKeyToPem, publicKeyToPem } from '../../../x509/index.ts'
import { durationFlag } from '../../duration-flag.ts'
import { CliError } from '../../errors.ts'
import {
  identityFile,
  kubeconfigFile,
  SIGNED_MARKER,
  type SignedIdentity,
} from '../../identity-files.ts'
import { print, say } from '../../io.ts'
import { writeSecretFile } from '../../out-file.ts'
import { examples } from '../../run.ts'
import type { TctlContext } from '../context.ts'

const signFormats = ['file', 'kubernetes', 'tls'] as const
type SignFormat = (typeof signFormats)[number]

interface SignFlags {
  readonly user: string
  readonly out: string
  readonly format: string
  readonly ttl?: string
  readonly proxy?: string
  readonly kubeClusterName?: string
  readonly pinAddress?: string
  readonly overwrite?: boolean
}

/** `tctl auth sign` */
export function authSignCommand(context: TctlContext): Command {
  const command = new Command('sign')
    .description('sign a certificate for a user, to a file')
    .requiredOption('--user <name>', 'the user that the certificate is for')
    .requiredOption('-o, --out <path>', 'where it is written (format tls: <path>.crt, .key, .cas)')
    .option('--format <format>', signFormats.join(', '), 'file')
    .option(
      '--ttl <duration>',
      'how long it lives, like 25h or 8760h (default: 12h, a cluster setting)',
    )
    .option('--proxy <host:port>', 'address that the kubeconfig names, when not the configured one')
    .option('--kube-cluster-name <name>', 'the Kubernetes cluster that the kubeconfig selects')
    .option(
      '--pin-address <ip>',
      'the only address that may use it; a role with pin_source_ip wants one',
    )
    .option('--overwrite', 'replace an existing file that tctl did not write')
    .action((flags: SignFlags) => sign(context, flags))
  return examples(command, [
    'tctl auth sign --user=jenkins --format=kubernetes --out=kubeconfig --ttl=25h',
    'tctl auth sign --user=jenkins --format=kubernetes --out=kubeconfig --pin-address=10.0.0.7',
    'tctl auth sign --user=jenkins --format=tls --out=jenkins',
  ])
}

async function sign({ io, connect }: TctlContext, flags: SignFlags): Promise<void> {
  const format = parseSignFormat(flags.format)
  const askedMs = flags.ttl === undefined ? null : durationFlag('--ttl', flags.ttl)
  using client = await connect()
  // The key is made here and stays here; only its public half travels.
  const { privateKey, publicKey } = await generateKeyPair()
  const issued = await client.call('users.certificates.create', {
    params: { name: flags.user },
    body: {
      public_key: publicKeyToPem(publicKey),
      ...(askedMs === null ? {} : { ttl_ms: askedMs }),
      ...(flags.pinAddress === undefined ? {} : { pin_address: flags.pinAddress }),
    },
  })
  const signed: SignedIdentity = {
    user: flags.user,
    teleportCluster: issued.teleport_cluster,
    certificate: issued.certificate,
    privateKey: privateKeyToPem(privateKey),
    hostCa: issued.host_ca,
    expires: issued.expires,
    writtenBy: SIGNED_MARKER,
  }
  const files = filesOf(format, signed, issued, flags)
  for (const { path, content } of files) {
    await writeSecretFile({
      path,
      content,
      marker: SIGNED_MARKER,
      overwrite: flags.overwrite === true,
    })
  }
  const where = files.map(({ path }) => path).join(', ')
  print(io, `The credentials have been written to ${where}`)
  if (issued.capped_by !== null) {
    say(
      io,
      `valid for ${formatDuration(issued.ttl_ms)} only: max_session_ttl of role "${issued.capped_by}" is shorter than what was asked`,
    )
  }
  say(io, `valid until ${issued.expires}`)
  if (format === 'kubernetes') sayClusters(io, issued, flags.kubeClusterName)
}

function filesOf(
  format: SignFormat,
  signed: SignedIdentity,
  issued: ResponseOf<'users.certificates.create'>,
  flags: SignFlags,
): { path: string; content: string }[] {
  switch (format) {
    case 'file':
      return [{ path: flags.out, content: identityFile(signed) }]
    case 'tls':
      return [
        { path: `${flags.out}.key`, content: `# ${SIGNED_MARKER}\n${signed.privateKey}` },
        { path: `${flags.out}.crt`, content: `# ${SIGNED_MARKER}\n${signed.certificate}` },
        { path: `${flags.out}.cas`, content: `# ${SIGNED_MARKER}\n${signed.hostCa}` },
      ]
    case 'kubernetes': {
      const address = flags.proxy ?? issued.kube_addr
      if (address === null) {
        throw new CliError(
          'REFUSED',
          'this Teleport cluster has no address for Kubernetes clients',
          {
            hint: 'set kube_listen_addr or kubernetes.enabled in proxy_service, start the proxy that has them, or give --proxy',
          },
        )
      }
      const content = kubeconfigFile({
        signed,
        address,
        clusters: issued.kube_clusters.map(({ metadata, status }) => ({
          name: metadata.name,
          serverName: status.server_name,
        })),
        selected: flags.kubeClusterName ?? null,
      })
      return [{ path: flags.out, content }]
    }
  }
}

function sayClusters(
  io: TctlContext['io'],
  issued: ResponseOf<'users.certificates.create'>,
  selected: string | undefined,
): void {
  const names = issued.kube_clusters.map(({ metadata }) => metadata.name)
  if (names.length > 1 && selected === undefined) {
    say(
      io,
      `it has a context for each of ${names.length} Kubernetes clusters and selects none: use kubectl --context, or --kube-cluster-name here`,
    )
  }
}

function parseSignFormat(text: string): SignFormat {
  const found = signFormats.find((format) => format === text)
  if (found === undefined) {
    throw new CliError('USAGE', `--format=${text} is not one of ${signFormats.join(', ')}`)
  }
  return found
}
