import type { ApiClient } from '../../../client/index.ts'
import type { BodyOf, ResponseOf } from '../../../contract/index.ts'
import { parseDuration } from '../../../core/index.ts'
import { durationFlag } from '../../duration-flag.ts'
import { CliError } from '../../errors.ts'

export type Link = ResponseOf<'users.invites.create'>
type LinkKind = BodyOf<'users.invites.create'>['kind']

/** How long a link lives when nobody says otherwise; the auth service knows the same. */
export const LINK_TTL: Readonly<Record<LinkKind, { usual: string; most: string }>> = {
  invite: { usual: '1h', most: '48h' },
  reset: { usual: '8h', most: '24h' },
}

const SHORTEST = '1m'

/** Judges `--ttl` before anything is done. */
export function parseLinkTtl(kind: LinkKind, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = durationFlag('--ttl', text)
  const { most } = LINK_TTL[kind]
  if (ms < parseDuration(SHORTEST) || ms > parseDuration(most)) {
    throw new CliError('USAGE', `--ttl=${text}: a link lives between ${SHORTEST} and ${most}`)
  }
  return ms
}

export const makeLink = (
  client: ApiClient,
  name: string,
  kind: LinkKind,
  ttlMs: number | undefined,
): Promise<Link> =>
  client.call('users.invites.create', {
    params: { name },
    body: { kind, ...(ttlMs === undefined ? {} : { ttl_ms: ttlMs }) },
  })

/** Of the authorities, for whoever logs in the first time; none where the roles do not show them. */
export const caPinsOf = (client: ApiClient): Promise<readonly string[]> =>
  client.call('status.read', {}).then(
    ({ ca_pins: pins }) => pins,
    () => [],
  )

/** The link for whoever hands it on, with what it is good for. */
export function linkText(
  name: string,
  { url, path, expires }: Link,
  caPins: readonly string[] = [],
): string {
  const until = `it works once, until ${expires}`
  return url === null
    ? `this cluster has no web address; on the one that it is given, ${name} opens ${path} and chooses a password (${until})`
    : `with this link ${name} chooses a password; ${until}:\n\n  ${url}\n\nin a browser, or in a terminal, where it is asked for:\n\n  tsh invite${caPins.map((pin) => ` --ca-pin=${pin}`).join('')}\n`
}
