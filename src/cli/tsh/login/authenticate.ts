import { X509Certificate } from 'node:crypto'
import {
  type Access,
  ApiClient,
  accessOf,
  type Channel,
  CLOCK_HINT,
  ClientError,
  clockWords,
  type KnownProxy,
  openChannel,
  type Profile,
  type ProxyAddress,
} from '../../../client/index.ts'
import type { ResponseOf } from '../../../contract/index.ts'
import { formatDuration } from '../../../core/index.ts'
import { generateKeyPair, privateKeyToPem, publicKeyToPem } from '../../../x509/index.ts'
import { CliError } from '../../errors.ts'
import { printable } from '../../format.ts'
import { readAll, say } from '../../io.ts'
import type { TshContext } from '../context.ts'

/** What a login brings. */
export interface Authenticated {
  readonly profile: Profile
  readonly access: Access
}

export interface AuthenticateOptions {
  readonly proxy: ProxyAddress
  readonly user: string
  /** Null: what the roles and the cluster say. */
  readonly ttlMs: number | null
  /** What is kept of the proxy. */
  readonly known: KnownProxy | null
  readonly pins: readonly string[]
  readonly insecure: boolean
  /** `--password-stdin`. */
  readonly secretsFromStdin: boolean
  /** The Teleport cluster that was named; null for whichever it is. */
  readonly clusterName: string | null
}

/**
 * The whole login: makes sure of the server, asks for password and code, makes a key, and has it certified. The key never
 * leaves this process; password and code go to the auth service end to end, past the proxy.
 */
export async function authenticate(
  context: TshContext,
  options: AuthenticateOptions,
): Promise<Authenticated> {
  const { world } = context
  const channel = await openChannel({
    ...options,
    confirm: confirmer(context, options.proxy),
    upgrade: context.upgrade(),
    now: world.now,
    signal: world.io.signal,
    onCall: (name, outcome, ms) => context.debug(`${name}: ${outcome} (${Math.round(ms)} ms)`),
  })
  sayTrust(context, channel, options.proxy)
  assertCluster(options.clusterName, channel.description.cluster_name)
  const secrets = await askSecrets(context, options, channel.description.second_factor)

  const { privateKey, publicKey } = await generateKeyPair()
  using client = new ApiClient(channel.connection)
  const issued = await client.call('login.create', {
    body: {
      user: options.user,
      password: secrets.password,
      public_key: publicKeyToPem(publicKey),
      ...(secrets.code === null ? {} : { otp: secrets.code }),
      ...(options.ttlMs === null ? {} : { ttl_ms: options.ttlMs }),
    },
  })
  const certificate = new X509Certificate(issued.certificate)
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new ClientError('BAD_ANSWER', 'the certificate that was issued is not for our key')
  }
  if (issued.capped_by !== null) {
    say(
      world.io,
      `tsh: valid for ${formatDuration(issued.ttl_ms)} only: max_session_ttl of role "${printable(issued.capped_by)}" is shorter than what was asked`,
    )
  }
  const profile: Profile = {
    version: 1,
    proxy: options.proxy.text,
    user: issued.user,
    teleport_cluster: issued.teleport_cluster,
    host_ca: issued.host_ca,
    certificate: issued.certificate,
    private_key: privateKeyToPem(privateKey),
    expires_at_ms: certificate.validToDate.getTime(),
    logged_in_at_ms: world.now(),
    kubeconfigs: [],
    ...(channel.upgraded ? { upgraded: true } : {}),
  }
  return { profile, access: await accessAfterLogin(context, channel, profile, issued) }
}

/** As whom each cluster may be reached, which only the new certificate may ask. */
async function accessAfterLogin(
  context: TshContext,
  channel: Channel,
  profile: Profile,
  issued: ResponseOf<'login.create'>,
): Promise<Access> {
  const nowMs = context.world.now()
  using client = new ApiClient({
    ...channel.connection,
    certificate: profile.certificate,
    privateKey: profile.private_key,
  })
  try {
    return accessOf(await client.call('self.read', {}), nowMs)
  } catch (error) {
    context.debug(`what the roles give could not be read: ${String(error)}`)
    // The login itself told which clusters there are; who one is in them is only for display.
    const nobody = { kubernetes_users: [], kubernetes_groups: [], default_user: null }
    return accessOf(
      {
        ...issued,
        version: channel.description.version,
        kube_clusters: issued.kube_clusters.map((cluster) => ({ ...cluster, access: nobody })),
      },
      nowMs,
    )
  }
}

/** Shows the fingerprint of an unknown authority to whoever sits at the terminal. */
export function confirmer(
  { world }: TshContext,
  proxy: ProxyAddress,
): ((offer: { clusterName: string; pins: readonly string[] }) => Promise<boolean>) | null {
  const { prompts, io } = world
  if (prompts === null) return null
  return async ({ clusterName, pins }) => {
    say(
      io,
      `The authority of ${proxy.text} (Teleport cluster "${printable(clusterName)}") is not known on this machine yet.`,
    )
    say(io, `Its CA pin is ${pins.join(' or ')}.`)
    const answer = await prompts.ask(
      'Is that what "tctl status" shows on the auth service? (yes/no, or paste the pin) ',
    )
    const word = answer.trim().toLowerCase()
    return word === 'yes' || word === 'y' || pins.includes(word)
  }
}

/** Tells on what the trust in the server rests, where that is news, and a clock that differs. */
export function sayTrust(
  { world, debug }: TshContext,
  channel: Channel,
  proxy: ProxyAddress,
): void {
  const { io } = world
  debug(
    `the auth service of ${channel.description.cluster_name} is trusted by: ${channel.trustedBy}`,
  )
  if (channel.trustedBy === 'insecure') {
    say(
      io,
      `tsh: the authority of ${proxy.text} was believed unseen (--insecure); from now on it is known, and a change is refused`,
    )
  }
  if (channel.clockDifferenceMs !== null) {
    say(io, `tsh: ${clockWords(channel.clockDifferenceMs)}`)
    say(io, `tsh: ${CLOCK_HINT}`)
  }
}

function assertCluster(wanted: string | null, found: string): void {
  if (wanted === null || wanted === found) return
  throw new CliError(
    'REFUSED',
    `this proxy does not lead to a Teleport cluster "${wanted}": it serves "${found}"`,
    { hint: 'to select a Kubernetes cluster: --kube-cluster=<name>' },
  )
}

interface Secrets {
  readonly password: string
  readonly code: string | null
}

async function askSecrets(
  context: TshContext,
  { user, secretsFromStdin }: AuthenticateOptions,
  secondFactor: 'off' | 'otp' | 'on',
): Promise<Secrets> {
  const needsCode = secondFactor !== 'off'
  const { io, prompts } = context.world
  if (secretsFromStdin) {
    const [password = '', code = ''] = (await readAll(io.stdin)).split(/\r?\n/)
    if (password === '') throw new CliError('USAGE', 'there is no password on stdin')
    if (needsCode && code === '') {
      throw new CliError('USAGE', 'this cluster asks for a one-time code too', {
        hint: 'with --password-stdin it stands on the second line of stdin',
      })
    }
    return { password, code: needsCode ? code.trim() : null }
  }
  if (prompts === null) {
    throw new CliError('NO_TERMINAL', 'a password is needed, and nobody is here to be asked', {
      hint: `run it in a terminal, or give --password-stdin: the first line of stdin is the password${needsCode ? ', the second the one-time code' : ''}; robots use "tctl auth sign"`,
    })
  }
  const password = await prompts.secret(`Password for ${printable(user)}: `)
  if (password === '') throw new CliError('INTERRUPTED', 'stopped: no password')
  const code = needsCode ? (await prompts.ask('One-time code: ')).replace(/\s/g, '') : null
  return { password, code }
}
