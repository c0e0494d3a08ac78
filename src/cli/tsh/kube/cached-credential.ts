import { readdirSync, readFileSync } from 'node:fs'

/**
 * The credential of a login that is still good, as kubectl takes it; null when there is none. This is what kubectl waits for
 * when the script cannot answer, so it loads nothing: no client, no commander, no colours. Whatever is not plain and whole
 * here is left to the command proper, which has words for it.
 */
export function cachedCredential(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  nowMs: number,
): string | null {
  const wanted = readFlags(argv)
  const home = env['TELEPORT_HOME'] ?? (env['HOME'] ? `${env['HOME']}/.tsh` : '')
  if (wanted === null || wanted['proxy'] === undefined || home === '') return null
  try {
    const found = readdirSync(`${home}/profiles`)
      .flatMap((name) => readIdentity(`${home}/profiles/${name}/identity.json`))
      .filter((each) => isWanted(each, wanted))
      .toSorted((a, b) => b.logged_in_at_ms - a.logged_in_at_ms)[0]
    if (found === undefined || found.expires_at_ms - LAST_MINUTE_MS <= nowMs) return null
    return credentialOf(found, env['KUBERNETES_EXEC_INFO'])
  } catch {
    return null
  }
}

const LAST_MINUTE_MS = 60_000

/** As `client` writes it: that room would take longer to load than all of this to run. */
interface Identity {
  readonly version: number
  readonly proxy: string
  readonly user: string
  readonly teleport_cluster: string
  readonly certificate: string
  readonly private_key: string
  readonly expires_at_ms: number
  readonly logged_in_at_ms: number
}

function readIdentity(path: string): Identity[] {
  try {
    const identity = JSON.parse(readFileSync(path, 'utf8')) as Identity
    return identity.version === 1 ? [identity] : []
  } catch {
    return []
  }
}

function isWanted(identity: Identity, wanted: Readonly<Record<string, string>>): boolean {
  return (
    identity.proxy === wanted['proxy'] &&
    (wanted['user'] === undefined || identity.user === wanted['user']) &&
    (wanted['teleport-cluster'] === undefined ||
      identity.teleport_cluster === wanted['teleport-cluster'])
  )
}

/** `--name=value` and `--name value`; null for anything else. */
function readFlags(argv: readonly string[]): Readonly<Record<string, string>> | null {
  const flags: Record<string, string> = {}
  for (let at = 0; at < argv.length; at += 1) {
    const match = /^--(proxy|user|teleport-cluster|kube-cluster)(?:=(.*))?$/s.exec(argv[at] ?? '')
    const [, name] = match ?? []
    if (name === undefined) return null
    if (match?.[2] === undefined) at += 1
    const value = match?.[2] ?? argv[at]
    if (value === undefined) return null
    flags[name] = value
  }
  return flags
}

function credentialOf(identity: Identity, execInfo = ''): string {
  const version = execInfo.includes('client.authentication.k8s.io/v1"') ? 'v1' : 'v1beta1'
  return JSON.stringify({
    kind: 'ExecCredential',
    apiVersion: `client.authentication.k8s.io/${version}`,
    status: {
      expirationTimestamp: new Date(identity.expires_at_ms - LAST_MINUTE_MS)
        .toISOString()
        .replace(/\.\d+Z$/, 'Z'),
      clientCertificateData: identity.certificate,
      clientKeyData: identity.private_key,
    },
  })
}
