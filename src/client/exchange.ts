import { type Agent, type RequestOptions, request } from 'node:https'
import { type Dial, DialingAgent } from './dialing-agent.ts'
import { ClientError } from './errors.ts'

/** Answers are pages of resources; more means that the other end is not ours. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024
/** Of whoever answers before it has proven itself: some names and an authority. */
export const MAX_UNVERIFIED_BYTES = 64 * 1024
/** A call is one look-up or one write; what takes longer will not come. */
const CALL_TIMEOUT_MS = 60_000

export interface Exchange {
  readonly host: string
  readonly port: number
  readonly method: string
  readonly path: string
  /** A text is JSON. */
  readonly body: string | Uint8Array | null
  readonly agent?: Agent
  readonly tls?: Pick<
    RequestOptions,
    'ca' | 'servername' | 'rejectUnauthorized' | 'minVersion' | 'checkServerIdentity'
  >
  /** Connects instead of Node; only without an agent. */
  readonly dial?: Dial | undefined
  readonly timeoutMs?: number
  readonly maxBytes?: number
  readonly signal?: AbortSignal
}

export interface Answer {
  readonly status: number
  readonly bytes: Buffer
}

/** One HTTPS request and its whole answer. Rejects with the network's or TLS's error, or ClientError BAD_ANSWER. */
export function exchange({
  body,
  timeoutMs = CALL_TIMEOUT_MS,
  maxBytes = MAX_ANSWER_BYTES,
  ...call
}: Exchange): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: call.host,
        port: call.port,
        method: call.method,
        path: call.path,
        ...call.tls,
        agent: call.agent ?? (call.dial === undefined ? false : new DialingAgent({}, call.dial)),
        ...(call.signal === undefined ? {} : { signal: call.signal }),
        headers: headersOf(body),
      },
      (incoming) => {
        const chunks: Buffer[] = []
        let bytes = 0
        incoming.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > maxBytes) {
            outgoing.destroy(new ClientError('BAD_ANSWER', 'the answer is too large'))
            return
          }
          chunks.push(chunk)
        })
        incoming.on('end', () => {
          clearTimeout(deadline)
          resolve({ status: incoming.statusCode ?? 0, bytes: Buffer.concat(chunks) })
        })
        incoming.on('error', fail)
      },
    )
    // From the first packet to the last byte: a socket's own timeout starts anew with every packet.
    const deadline = setTimeout(
      () =>
        outgoing.destroy(
          new ClientError('CONNECT_FAILED', `no answer within ${Math.round(timeoutMs / 1000)} s`),
        ),
      timeoutMs,
    )
    const fail = (error: Error): void => {
      clearTimeout(deadline)
      reject(error)
    }
    outgoing.on('error', fail)
    outgoing.end(body ?? undefined)
  })
}

const headersOf = (body: string | Uint8Array | null): Record<string, string | number> => ({
  accept: 'application/json, application/octet-stream',
  ...(body === null
    ? {}
    : {
        'content-type': typeof body === 'string' ? 'application/json' : 'application/octet-stream',
        'content-length': Buffer.byteLength(body),
      }),
})
