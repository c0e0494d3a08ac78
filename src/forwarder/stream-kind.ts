import type { RequestInfo } from '../kube/index.ts'

/** Requests that may stay open for hours, by what they carry. */
export type StreamKind = 'watch' | 'logs' | 'exec' | 'attach' | 'portforward' | 'proxy'

/** Null for a request that is answered and over. */
export function streamKindOf(info: RequestInfo): StreamKind | null {
  if (!info.longRunning || info.kind !== 'resource') return null
  switch (info.verb) {
    case 'watch':
    case 'exec':
    case 'attach':
    case 'portforward':
    case 'proxy':
      return info.verb
    default:
      return 'logs'
  }
}
