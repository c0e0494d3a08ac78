import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { errorMessage } from '../../core/index.ts'
import { MemberError } from '../errors.ts'
import { KUBE_CALL_TIMEOUT_MS, MAX_SECRET_BYTES } from '../limits.ts'

const ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount'

/** The API server of the cluster in which this pod runs, as the pod's ServiceAccount. */
export interface InCluster {
  call(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }>
}

/** Null: this is no pod. `accountDir` is for tests. */
export function inCluster(
  env: Readonly<Record<string, string | undefined>>,
  accountDir: string = ACCOUNT_DIR,
): InCluster | null {
  const host = env['KUBERNETES_SERVICE_HOST']
  const port = env['KUBERNETES_SERVICE_PORT']
  if (host === undefined || host === '' || port === undefined) return null
  return {
    async call(method, path, body) {
      try {
        // Anew for each call: the kubelet replaces the token once an hour.
        const [token, ca] = await Promise.all([
          readFile(`${accountDir}/token`, 'utf8'),
          readFile(`${accountDir}/ca.crt`, 'utf8'),
        ])
        return await exchange(
          { host, port: Number(port), ca, token: token.trim() },
          method,
          path,
          body,
        )
      } catch (error) {
        throw new MemberError(
          'MEMBER_STATE_UNAVAILABLE',
          `cannot reach the API server of this cluster: ${errorMessage(error)}`,
          { cause: error },
        )
      }
    },
  }
}

function exchange(
  to: { readonly host: string; readonly port: number; readonly ca: string; readonly token: string },
  method: string,
  path: string,
  body: object | undefined,
): Promise<{ status: number; body: Readonly<Record<string, unknown>> }> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? null : JSON.stringify(body)
    const outgoing = request(
      {
        host: to.host,
        port: to.port,
        ca: to.ca,
        // Said, or NODE_TLS_REJECT_UNAUTHORIZED would have our account's token sent to anybody.
        rejectUnauthorized: true,
        method,
        path,
        agent: false,
        signal: AbortSignal.timeout(KUBE_CALL_TIMEOUT_MS),
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${to.token}`,
          ...(text === null
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        },
      },
      (incoming) => {
        const chunks: Buffer[] = []
        let bytes = 0
        incoming.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > MAX_SECRET_BYTES) outgoing.destroy(new Error('the answer is too large'))
          else chunks.push(chunk)
        })
        incoming.on('error', reject)
        incoming.on('end', () => {
          try {
            const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}')
            resolve({
              status: incoming.statusCode ?? 0,
              body: typeof parsed === 'object' && parsed !== null ? { ...parsed } : {},
            })
          } catch {
            reject(new Error('the answer is no JSON'))
          }
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(text ?? undefined)
  })
}
