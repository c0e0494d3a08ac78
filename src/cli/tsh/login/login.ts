import {
  type Access,
  ApiCallError,
  ClientError,
  caPinsOf,
  defaultContextName,
  type LoginPlan,
  type Profile,
  type ProxyAddress,
  parseCaPin,
  parseProxyAddress,
  type StoredProfile,
} from '../../../client/index.ts'
import { errorMessage } from '../../../core/index.ts'
import { CliError } from '../../errors.ts'
import { identityFile, kubeconfigFile, type SignedIdentity } from '../../identity-files.ts'
import { print, say } from '../../io.ts'
import { writeSecretFile } from '../../out-file.ts'
import { askFor, type TshContext } from '../context.ts'
import { everyCluster, writeContexts } from '../kube/write-contexts.ts'
import { profileText } from '../profile/profile-text.ts'
import { readAccess, sessionOf } from '../session.ts'
import { instant, remaining } from '../time.ts'
import { warnOfSkew } from '../warn-of-skew.ts'
import { type AuthenticateOptions, authenticate } from './authenticate.ts'
import { assertLocal, type LoginFlags, parseOutFormat, parseTtl } from './flags.ts'

/** Marks files of ours, so that a later login may replace them and nothing else. */
const OUT_MARKER = 'written by tsh login'
/** Long enough for a far server, short enough for somebody who waits to hear that he is logged in. */
const REFRESH_TIMEOUT_MS = 10_000

/** `tsh login` */
export async function login(
  context: TshContext,
  clusterName: string | undefined,
  flags: LoginFlags,
): Promise<void> {
  const { world, store } = context
  const format = parseOutFormat(flags)
  const ttlMs = flags.ttl === undefined ? null : parseTtl(flags.ttl)
  const pins = (flags.caPin ?? []).map(parseCaPin)
  assertLocal(flags.auth)
  const proxy = await proxyOf(context)
  if (flags.out === undefined) {
    const given = context.wanted().user
    const found = await store.find({
      proxy: proxy.text,
      ...(given === null ? {} : { user: given }),
    })
    // Another life is another certificate, and a pin is there to be checked.
    const isMeant = found !== null && ttlMs === null && isPinned(found.profile, pins)
    if (isMeant && (await isLoggedIn(context, found, clusterName, flags))) return
  }
  const user = await userOf(context, proxy)
  const options: AuthenticateOptions = {
    proxy,
    user,
    ttlMs,
    known: await store.known(proxy.text),
    pins,
    insecure: flags.insecure === true,
    secretsFromStdin: flags.passwordStdin === true,
    clusterName: clusterName ?? null,
  }
  if (flags.out !== undefined) {
    await writeOut(context, options, flags, flags.out, format)
    return
  }
  // Before anybody types a password in vain.
  await store.assertWritable()
  const { profile, access } = await authenticate(context, options)
  warnOfSkew(world.io, access.server_version)
  await store.save(profile, access, world.launcher)
  await enterKubeconfig(context, profile, access, flags.kubeCluster ?? null)
}

const isPinned = ({ host_ca: hostCa }: Profile, pins: readonly string[]): boolean =>
  pins.length === 0 || caPinsOf(hostCa).some((pin) => pins.includes(pin))

async function proxyOf(context: TshContext): Promise<ProxyAddress> {
  const { proxy } = context.wanted()
  if (proxy !== null) return proxy
  const found = await context.store.find({})
  if (found !== null) return parseProxyAddress(found.profile.proxy, 'profile')
  throw new CliError('USAGE', 'which proxy?', { hint: 'give --proxy=<host:port>' })
}

/** Whom the flags name; else who was here before; else whoever is asked. */
async function userOf(context: TshContext, proxy: ProxyAddress): Promise<string> {
  const { user } = context.wanted()
  if (user !== null) return user
  const found = await context.store.find({ proxy: proxy.text })
  if (found !== null) return found.profile.user
  const own = context.world.io.env['USER'] ?? ''
  const answer = await askFor(context, `User${own === '' ? '' : ` [${own}]`}: `, '--user')
  const chosen = answer === '' ? own : answer
  if (chosen === '') throw new CliError('USAGE', 'which user?', { hint: 'give --user' })
  return chosen
}

/** With a login that is still good there is nothing to be asked. False: it is not, and why was said. */
async function isLoggedIn(
  context: TshContext,
  { profile, access }: StoredProfile,
  clusterName: string | undefined,
  flags: LoginFlags,
): Promise<boolean> {
  const { world, store } = context
  const { io } = world
  if (profile.expires_at_ms <= world.now() + 60_000) return false
  if (clusterName !== undefined && clusterName !== profile.teleport_cluster) return false
  let fresh = access
  try {
    using session = sessionOf(context, profile, access, REFRESH_TIMEOUT_MS)
    fresh = await readAccess(context, session)
  } catch (error) {
    if (error instanceof ApiCallError && error.status < 500) {
      say(io, `tsh: the login of ${profile.user} is not taken any more: ${error.message}`)
      return false
    }
    if (!(error instanceof ClientError) || error.code !== 'CONNECT_FAILED') return false
    say(io, `tsh: ${errorMessage(error)}`)
  }
  await store.select(profile)
  say(
    io,
    `tsh: already logged in as ${profile.user}, until ${instant(profile.expires_at_ms)} (${remaining(profile.expires_at_ms, world.now())})`,
  )
  if (fresh !== null) await enterKubeconfig(context, profile, fresh, flags.kubeCluster ?? null)
  return true
}

/** Writes a context for each cluster, selects the named or the only one, and shows who one is now. */
async function enterKubeconfig(
  context: TshContext,
  profile: Profile,
  access: Access,
  wanted: string | null,
): Promise<void> {
  const { world } = context
  const names = access.kube_clusters.map(({ name }) => name)
  const [only] = names
  const isOpen = wanted === null || names.includes(wanted)
  const select = isOpen ? (wanted ?? (names.length === 1 ? (only ?? null) : null)) : null
  let plan: LoginPlan
  try {
    plan = await writeContexts(context, profile, access, everyCluster(access), {
      select,
      prune: true,
      embed: false,
    })
  } catch (error) {
    say(world.io, 'tsh: you are logged in, but the kubeconfig was not written')
    throw error
  }
  print(world.io, profileText(profile, access, true, world.now()))
  sayContexts(context, profile, names, plan)
  if (!isOpen) {
    throw new CliError('REFUSED', `Kubernetes cluster "${wanted}" is not open to your roles`, {
      hint:
        names.length === 0 ? 'no cluster is: see "tsh status"' : `open are: ${names.join(', ')}`,
    })
  }
}

function sayContexts(
  { world }: TshContext,
  profile: Profile,
  names: readonly string[],
  plan: LoginPlan,
): void {
  const contexts = [...plan.contexts.values()].flat()
  if (names.length === 0) {
    say(world.io, 'tsh: your roles reach no Kubernetes cluster: ask an administrator')
    return
  }
  const first = contexts[0] ?? defaultContextName(profile.teleport_cluster, names[0] ?? '')
  const current = contexts.includes(plan.currentContext)
    ? `the current context is ${JSON.stringify(plan.currentContext)}`
    : `none is selected: tsh kube login <cluster>, or kubectl --context=${first}`
  say(
    world.io,
    `tsh: the kubeconfig has ${contexts.length === 1 ? 'a context' : `${contexts.length} contexts`} for you; ${current}`,
  )
}

async function writeOut(
  context: TshContext,
  options: AuthenticateOptions,
  flags: LoginFlags,
  path: string,
  format: 'file' | 'kubernetes',
): Promise<void> {
  const { profile, access } = await authenticate(context, options)
  const signed: SignedIdentity = {
    user: profile.user,
    teleportCluster: profile.teleport_cluster,
    certificate: profile.certificate,
    privateKey: profile.private_key,
    hostCa: profile.host_ca,
    expires: instant(profile.expires_at_ms),
    writtenBy: OUT_MARKER,
  }
  const content =
    format === 'file'
      ? identityFile(signed)
      : kubeconfigFile({
          signed,
          address: access.kube_addr ?? profile.proxy,
          clusters: access.kube_clusters.map(({ name, server_name: serverName }) => ({
            name,
            serverName,
          })),
          selected: flags.kubeCluster ?? null,
        })
  await writeSecretFile({ path, content, marker: OUT_MARKER, overwrite: flags.overwrite === true })
  print(context.world.io, `The credentials have been written to ${path}`)
  say(context.world.io, `tsh: valid until ${instant(profile.expires_at_ms)}`)
}
