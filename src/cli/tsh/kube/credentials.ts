import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  execApiVersions,
  execCredential,
  LAST_MINUTE_MS,
  type Profile,
  parseProxyAddress,
  shellWord,
} from '../../../client/index.ts'
import { errorMessage } from '../../../core/index.ts'
import { CliError, describeError, QuietExit } from '../../errors.ts'
import { printable } from '../../format.ts'
import { print, say } from '../../io.ts'
import type { TshContext } from '../context.ts'
import { authenticate } from '../login/authenticate.ts'
import type { Prompts } from '../prompts.ts'
import { endWords, expired, loginCommand } from '../session.ts'

export interface CredentialFlags {
  readonly kubeCluster?: string
  readonly teleportCluster?: string
}

/** kubectl starts its plugin up to five times for one command, and a person needs to be told once. */
const TELL_AGAIN_AFTER_MS = 10_000

/**
 * `tsh kube credentials`: prints the credential for kubectl. One that has ended is renewed where a person can be asked, and
 * else named in words that lead to `tsh login`; client-go shows stderr to whoever called kubectl.
 */
export async function kubeCredentials(context: TshContext, flags: CredentialFlags): Promise<void> {
  const { world } = context
  let asked = false
  const prompts = world.prompts === null ? null : noted(world.prompts, () => (asked = true))
  try {
    const profile = await profileOf(context, flags)
    if (isGood(profile, world.now())) {
      printCredential(context, profile)
      return
    }
    if (prompts === null || !mayPrompt(world.io.env['KUBERNETES_EXEC_INFO'])) {
      throw expired(profile, world.now())
    }
    const asking: TshContext = { ...context, world: { ...world, prompts } }
    printCredential(context, await renew(asking, profile, flags))
  } catch (error) {
    // The terminal gave ctrl-c to the prompt alone, and kubectl would ask again.
    if (error instanceof CliError && error.code === 'INTERRUPTED') world.interruptCaller()
    if (!asked && (await wasTold(context, errorMessage(error)))) {
      throw new QuietExit(describeError(error).exit)
    }
    throw error
  }
}

/** Prompts, and a note that they were used: who was asked is told each time how it ended. */
function noted(prompts: Prompts, onAsk: () => void): Prompts {
  return {
    ask(question) {
      onAsk()
      return prompts.ask(question)
    },
    secret(question) {
      onAsk()
      return prompts.secret(question)
    },
  }
}

const isGood = (profile: Profile, nowMs: number): boolean =>
  profile.expires_at_ms - LAST_MINUTE_MS > nowMs

async function profileOf(context: TshContext, flags: CredentialFlags): Promise<Profile> {
  const { proxy, user } = context.wanted()
  const found = await context.store.find({
    ...(proxy === null ? {} : { proxy: proxy.text }),
    ...(user === null ? {} : { user }),
  })
  const where = proxy?.text ?? '<host:port>'
  const again = `log in: tsh login --proxy=${shellWord(where)}${user === null ? '' : ` --user=${shellWord(user)}`}`
  if (found === null) {
    throw new CliError(
      'NOT_LOGGED_IN',
      `not logged in${user === null ? '' : ` as ${user}`}${proxy === null ? '' : ` at ${where}`}`,
      { hint: again },
    )
  }
  const { teleport_cluster: cluster } = found.profile
  if (flags.teleportCluster !== undefined && flags.teleportCluster !== cluster) {
    throw new CliError(
      'NOT_LOGGED_IN',
      `the login at ${where} is for Teleport cluster "${cluster}", and this context is of "${flags.teleportCluster}"`,
      { hint: again },
    )
  }
  return found.profile
}

function printCredential({ world }: TshContext, profile: Profile): void {
  const [v1beta1, v1] = execApiVersions
  const info = world.io.env['KUBERNETES_EXEC_INFO'] ?? ''
  print(
    world.io,
    execCredential(info.includes(`${v1}"`) ? v1 : v1beta1, {
      certificate: profile.certificate,
      privateKey: profile.private_key,
      expiresAtMs: profile.expires_at_ms,
    }),
  )
}

/** client-go says whether stdin is free for questions: it is not when a manifest comes by it. */
function mayPrompt(execInfo: string | undefined): boolean {
  try {
    const info = JSON.parse(execInfo ?? '{}') as { spec?: { interactive?: unknown } }
    return info.spec?.interactive !== false
  } catch {
    return true
  }
}

/** Asks for password and code, once for all kubectl that wait. */
async function renew(
  context: TshContext,
  profile: Profile,
  flags: CredentialFlags,
): Promise<Profile> {
  const { world, store } = context
  return store.whileLoggingIn(
    profile,
    async () => {
      const now = await store.find({ proxy: profile.proxy, user: profile.user })
      if (now !== null && isGood(now.profile, world.now())) return now.profile
      await store.assertWritable()
      const of = flags.kubeCluster === undefined ? '' : ` (cluster "${flags.kubeCluster}")`
      say(world.io, `tsh: ${endWords(profile, world.now())}${of}`)
      const renewed = await authenticate(context, {
        proxy: parseProxyAddress(profile.proxy, 'profile'),
        user: profile.user,
        ttlMs: null,
        known: await store.known(profile.proxy),
        pins: [],
        insecure: false,
        secretsFromStdin: false,
        clusterName: profile.teleport_cluster,
      })
      await store.save(renewed.profile, renewed.access, world.launcher)
      return renewed.profile
    },
    () =>
      say(
        world.io,
        `tsh: waiting: another tsh logs ${profile.user} in (or run: ${loginCommand(profile)})`,
      ),
  )
}

/** Whether the same kubectl has just been told the same. That it cannot be kept means to tell again. */
async function wasTold({ world, store }: TshContext, words: string): Promise<boolean> {
  const path = join(store.home, 'told.json')
  const now = world.now()
  const told = JSON.stringify({ pid: process.ppid, words: printable(words) })
  const [before, ms] = (await readFile(path, 'utf8').catch(() => '')).split('\n')
  await writeFile(path, `${told}\n${now}`, { mode: 0o600 }).catch(() => {})
  return before === told && now - Number(ms) < TELL_AGAIN_AFTER_MS
}
