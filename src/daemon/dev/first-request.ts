import { request } from 'node:https'
import type { ApiClient } from '../../client/index.ts'
import { generateKeyPair, publicKeyToPem } from '../../x509/index.ts'

const TARGET = '/api/v1/namespaces?limit=50'
const TIMEOUT_MS = 10_000
const MAX_ANSWER_BYTES = 1024 * 1024
const CERTIFICATE_TTL_MS = 60_000
const HOST = '127.0.0.1'

export interface FirstRequest {
  readonly cluster: string
  readonly status: number
  readonly tookMs: number
  /** What the answer lists, or the API server's words when it refuses. */
  readonly names: readonly string[]
  readonly words: string
}

/**
 * One request as the user, with a certificate of a minute, through the gateway and the kubernetes service to the API
 * server: the way that kubectl goes.
 */
export async function makeFirstRequest(options: {
  readonly client: ApiClient
  readonly user: string
  readonly kubePort: number
  readonly cluster: string
}): Promise<FirstRequest> {
  const { client, user, kubePort, cluster } = options
  const { privateKey, publicKey } = await generateKeyPair()
  const issued = await client.call('users.certificates.create', {
    params: { name: user },
    body: { public_key: publicKeyToPem(publicKey), ttl_ms: CERTIFICATE_TTL_MS },
  })
  const target = issued.kube_clusters.find(({ metadata }) => metadata.name === cluster)
  if (target === undefined) throw new Error(`"${user}" may not reach "${cluster}"`)
  const began = performance.now()
  const { status, text } = await get({
    host: HOST,
    port: kubePort,
    servername: target.status.server_name,
    ca: issued.host_ca,
    cert: issued.certificate,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  })
  return { cluster, status, tookMs: performance.now() - began, ...readAnswer(text) }
}

/** Names of the listed objects, or the message of a Status. Pure. */
export function readAnswer(text: string): Pick<FirstRequest, 'names' | 'words'> {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    return { names: [], words: text.slice(0, 300) }
  }
  const { items, message } = (answer ?? {}) as { items?: unknown; message?: unknown }
  const names = Array.isArray(items)
    ? items.flatMap((item: { metadata?: { name?: unknown } } | null) =>
        typeof item?.metadata?.name === 'string' ? item.metadata.name : [],
      )
    : []
  return { names, words: typeof message === 'string' ? message : '' }
}

function get(tls: {
  readonly host: string
  readonly port: number
  readonly servername: string
  readonly ca: string
  readonly cert: string
  readonly key: string
}): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { ...tls, path: TARGET, agent: false, timeout: TIMEOUT_MS, minVersion: 'TLSv1.3' },
      (incoming) => {
        let text = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (chunk: string) => {
          text += chunk
          if (text.length > MAX_ANSWER_BYTES) outgoing.destroy(new Error('the answer is too large'))
        })
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text }))
        incoming.on('error', reject)
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within ten seconds')))
    outgoing.on('error', reject)
    outgoing.end()
  })
}
