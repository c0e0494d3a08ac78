import type { EndpointName } from '../contract/index.ts'
import type { Dial } from './dialing-agent.ts'

/** Where the auth service is, and who we are to it. */
export interface ApiConnection {
  readonly host: string
  readonly port: number
  /** The name in the auth service's certificate. */
  readonly serverName: string
  /** PEM. */
  readonly hostCa: string
  /** PEM, like the key; null before a login, when only endpoints that answer anyone can be called. */
  readonly certificate: string | null
  readonly privateKey: string | null
  readonly hints?: ConnectionHints
  /** How long one call may take; a minute when nothing is said. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Connects instead of Node, through a proxy for one. */
  readonly dial?: Dial | undefined
  /** Hears of each call: its name, how it ended, and milliseconds. Never of its content. */
  readonly onCall?: (name: EndpointName, outcome: string, ms: number) => void
}

/** What a person can do about a failure. Whoever chose the connection knows; lines are separated by line breaks. */
export interface ConnectionHints {
  /** Nobody answers. */
  readonly unreachable: string
  /** Somebody else answers. */
  readonly untrusted: string
  /** The certificate is not taken (any more); null where the server's words are enough. */
  readonly unauthenticated: string | null
  /** The roles do not allow it; null where the server's words are enough. */
  readonly denied: string | null
}
