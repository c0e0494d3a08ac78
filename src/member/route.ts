import type { Dial } from '../client/index.ts'

/** Where the auth service is, seen from here. */
export interface MemberRoute {
  /** What is at the addresses: web ports of proxies, or auth services (or, in the older form of the file, either). */
  readonly via: 'proxy' | 'auth'
  /** Tried in turn. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
  readonly dial: Dial
  /** Connections to a proxy go inside a WebSocket, since TLS ends in front of it. */
  readonly upgraded?: boolean
}
