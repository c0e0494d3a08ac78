import { KubeconfigError } from './errors.ts'
import { parseKubeconfig } from './parse-kubeconfig.ts'
import { resolveContext } from './resolve-context.ts'
import type { Kubeconfig, KubeconfigContext, PemSource, ResolvedContext } from './types.ts'

/** The text of a kubeconfig that is given as it is or in base64: its own text has characters that base64 lacks. */
export function kubeconfigText(given: string): string {
  const compact = given.replaceAll(/\s/g, '')
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(compact) && compact.length % 4 === 0
  return isBase64 ? Buffer.from(compact, 'base64').toString('utf8') : given
}

/**
 * The one cluster that the kubeconfig of a resource describes: that of its current context, else of its first. Whoever writes
 * resources is not the administrator of the machine that will use it, so nothing in it may run a program or read a file there.
 *
 * @throws KubeconfigError KUBECONFIG_INVALID, and KUBECONFIG_UNSAFE for what reaches into the machine of the service.
 */
export function readResourceKubeconfig(text: string): ResolvedContext {
  const config = parseKubeconfig(text)
  assertHarmless(config)
  const resolved = resolveContext(config, contextOf(config))
  if (!resolved.ok) throw new KubeconfigError('KUBECONFIG_INVALID', resolved.reason)
  return resolved.context
}

function contextOf({ contexts, currentContext }: Kubeconfig): KubeconfigContext {
  const context =
    currentContext === null ? contexts[0] : contexts.find(({ name }) => name === currentContext)
  if (context !== undefined) return context
  throw new KubeconfigError(
    'KUBECONFIG_INVALID',
    currentContext === null
      ? 'kubeconfig: has no context'
      : `kubeconfig: current-context "${currentContext}" is not defined`,
  )
}

/** Of all entries, also of those that no context uses: nobody should have to find out which one counts. */
function assertHarmless({ clusters, users }: Kubeconfig): void {
  for (const [name, entry] of clusters) {
    if (!entry.ok) continue
    const place = `cluster "${name}"`
    if (!entry.value.origin.startsWith('https://')) {
      throw unsafe(`${place}: server: must be an https:// URL, since credentials go there`)
    }
    assertInline(`${place}: certificate-authority`, entry.value.certificateAuthority)
  }
  for (const [name, entry] of users) {
    if (!entry.ok) continue
    const { login, clientCertificate } = entry.value
    const place = `user "${name}"`
    assertInline(`${place}: client-certificate`, clientCertificate?.certificate ?? null)
    assertInline(`${place}: client-key`, clientCertificate?.key ?? null)
    if (login.kind === 'exec') {
      throw unsafe(`${place}: exec: would run a program on the machine of the kubernetes service`)
    }
    if (login.kind === 'tokenFile') {
      throw unsafe(
        `${place}: tokenFile: would read a file on the machine of the kubernetes service: give the token itself`,
      )
    }
  }
}

function assertInline(field: string, source: PemSource | null): void {
  if (source?.kind !== 'file') return
  const name = field.slice(field.lastIndexOf(' ') + 1)
  throw unsafe(
    `${field}: would read a file on the machine of the kubernetes service: give ${name}-data instead (kubectl config view --raw --flatten)`,
  )
}

const unsafe = (why: string): KubeconfigError => new KubeconfigError('KUBECONFIG_UNSAFE', why)
