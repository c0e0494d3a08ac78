import type { JsonObject } from '../json.ts'

/** A request that is whole, its token judged. */
export interface DemoRequest {
  readonly method: string
  /** Path and query as they came. */
  readonly target: string
  /** The first value of a header, by its lower-case name. */
  header(name: string): string | null
  /** Alternating lower-case names and values. */
  readonly headers: readonly string[]
  readonly body: Buffer
}

/** Where a stream is written. */
export interface Sink {
  write(chunk: string | Buffer): void
  /** Bytes that the reader has not taken yet. */
  pending(): number
}

export type Answer =
  | {
      readonly kind: 'whole'
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      readonly body: string | Buffer
    }
  | {
      readonly kind: 'stream'
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      /** Resolves when everything is said; ends early when the signal aborts. */
      readonly run: (sink: Sink, signal: AbortSignal) => Promise<void>
    }

export const JSON_TYPE = 'application/json'

export const jsonAnswer = (
  status: number,
  body: JsonObject,
  contentType = JSON_TYPE,
  warnings: readonly string[] = [],
): Answer => ({
  kind: 'whole',
  status,
  headers: {
    'content-type': contentType,
    'cache-control': 'no-cache, private',
    ...(warnings.length === 0 ? {} : { warning: warnings.map(warningText).join(', ') }),
  },
  body: `${JSON.stringify(body)}\n`,
})

/** RFC 9111, 5.5 as Kubernetes uses it: clients show the text. */
const warningText = (text: string): string =>
  `299 - ${JSON.stringify(text.replace(/[^\x20-\x7e]/g, '?').slice(0, 1024))}`

export const textAnswer = (status: number, body: string): Answer => ({
  kind: 'whole',
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
  body,
})
