import { ApiClient, connectionTo, dialOf, parseProxyAddress } from '../../../client/index.ts'
import { errorMessage } from '../../../core/index.ts'
import { parseFormat, renderOne } from '../../format.ts'
import { print, say } from '../../io.ts'
import { ownVersion } from '../../version.ts'
import type { TshContext } from '../context.ts'

/** A version is not worth a longer wait. */
const TIMEOUT_MS = 3000

/** `tsh version`: this program's, and that of the server where somebody was logged in. */
export async function version(
  context: TshContext,
  flags: { readonly client?: boolean; readonly format: string },
): Promise<void> {
  const { io } = context.world
  const format = parseFormat(flags.format)
  const server = flags.client === true ? null : await serverVersion(context)
  const found = {
    version: ownVersion(),
    ...(server === null ? {} : { proxy: server.proxy, server_version: server.version }),
  }
  print(
    io,
    renderOne(format, found, () =>
      [
        `tsh ${found.version}`,
        ...(server === null ? [] : [`server ${server.version} (${server.proxy})`]),
      ].join('\n'),
    ),
  )
}

/** Of the verified auth service; it answers without a certificate too. */
async function serverVersion(
  context: TshContext,
): Promise<{ readonly proxy: string; readonly version: string } | null> {
  const { world, store } = context
  const { proxy, user } = context.wanted()
  const found = await store.find({
    ...(proxy === null ? {} : { proxy: proxy.text }),
    ...(user === null ? {} : { user }),
  })
  if (found === null) return null
  const { profile } = found
  using client = new ApiClient({
    ...connectionTo(
      {
        proxy: parseProxyAddress(profile.proxy, 'profile'),
        signal: world.io.signal,
        dial: dialOf(profile),
      },
      profile.teleport_cluster,
      profile.host_ca,
    ),
    timeoutMs: TIMEOUT_MS,
  })
  try {
    const { version: told } = await client.call('login.describe', {})
    return { proxy: profile.proxy, version: told }
  } catch (error) {
    say(world.io, `tsh: the version of ${profile.proxy} is not known: ${errorMessage(error)}`)
    return null
  }
}
