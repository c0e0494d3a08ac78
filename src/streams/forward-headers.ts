import { type HeaderBlock, headerOf } from '../protocol/index.ts'

/** What a stream of a port-forward is: half of a connection to a port of the pod. */
export interface ForwardStream {
  readonly type: 'data' | 'error'
  readonly port: number
  /** Both streams of a connection have the same. */
  readonly key: string
}

/** client-go counts from 0. */
const MAX_REQUEST_ID_CHARS = 128

/** Null for a stream that kubelet would not take either (portforward/httpstream.go: `httpStreamReceived`, `requestID`). */
export function forwardStreamOf(streamId: number, headers: HeaderBlock): ForwardStream | null {
  const type = headerOf(headers, 'streamtype')
  if (type !== 'data' && type !== 'error') return null
  const port = portOf(headerOf(headers, 'port') ?? '')
  if (port === null) return null
  const requestId = headerOf(headers, 'requestid') ?? ''
  if (requestId.length > MAX_REQUEST_ID_CHARS) return null
  // Clients of the first version number no requests, and open the data stream right after the error stream.
  const number = type === 'error' ? streamId : streamId - 2
  return { type, port, key: requestId === '' ? `#${number}` : requestId }
}

/** Null for what is no port: kubelet takes decimal digits, 1 to 65535. */
export function portOf(text: string): number | null {
  if (!/^[0-9]{1,5}$/.test(text)) return null
  const port = Number(text)
  return port >= 1 && port <= 65_535 ? port : null
}

export const forwardHeaders = (type: 'data' | 'error', port: number, id: number): HeaderBlock => [
  ['streamtype', type],
  ['port', String(port)],
  ['requestid', String(id)],
]
