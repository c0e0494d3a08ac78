import type { Dial, Upgrade } from '../client/index.ts'

/** Where the auth service is, seen from here. */
export interface MemberRoute {
  /** What is at the addresses: web ports of proxies, or auth services (or, in the older form of the file, either). */
  readonly via: 'proxy' | 'auth'
  /** Tried in turn. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
  readonly dial: Dial
  /** Whether connections to a proxy go inside a WebSocket; never when nothing is said. */
  readonly upgrade?: Upgrade
  /** How calls and tunnels connect, by what `upgrade` says; `dial` when nothing is said. */
  readonly way?: Dial
}
