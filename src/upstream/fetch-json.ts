import { Readable } from 'node:stream'
import type { Upstream, UpstreamRequest } from './types.ts'

/** Answers about rights and health are a few hundred bytes. */
const MAX_ANSWER_BYTES = 64 * 1024

/** Asks for ourselves, not for a person. Rejects when there is no answer in time; `body` is null for what is no JSON. */
export function fetchJson(
  upstream: Pick<Upstream, 'send'>,
  method: string,
  target: string,
  body: string | null,
  timeoutMs: number,
  maxBytes: number = MAX_ANSWER_BYTES,
): Promise<{ status: number; body: unknown }> {
  const length = body === null ? [] : ['content-length', String(Buffer.byteLength(body))]
  const request: UpstreamRequest = {
    method,
    target,
    headers: ['accept', 'application/json', 'content-type', 'application/json', ...length],
    body: body === null ? null : Readable.from([Buffer.from(body)]),
    longRunning: false,
    user: '',
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let status = 0
    let bytes = 0
    const timer = setTimeout(() => {
      reject(
        new Error(`the API server did not answer ${method} ${target} in ${timeoutMs / 1000} s`),
      )
      exchange.abort()
    }, timeoutMs)
    const exchange = upstream.send(request, {
      head(code) {
        status = code
      },
      data(chunk) {
        bytes += chunk.length
        if (bytes > maxBytes) exchange.abort()
        else chunks.push(Buffer.from(chunk))
        return true
      },
      end() {
        clearTimeout(timer)
        resolve({ status, body: parseJson(Buffer.concat(chunks).toString('utf8')) })
      },
      error(failure) {
        clearTimeout(timer)
        reject(new Error(failure.message, { cause: failure }))
      },
    })
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
