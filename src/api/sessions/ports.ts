import type { SessionKind } from '../../contract/index.ts'

/** A session that goes on. What is not known is empty. */
export interface LiveSession {
  readonly sessionId: string
  readonly kind: SessionKind
  readonly user: string
  readonly kubeCluster: string
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly node: string
  readonly image: string
  readonly command: readonly string[]
  readonly tty: boolean
  /** What the client speaks. */
  readonly protocol: string
  /** `ip:port` of the client. */
  readonly address: string
  /** Milliseconds since the epoch. */
  readonly startedMs: number
  readonly recording: boolean
}

/** Who ends a session, and what is told to whoever's it is. */
export interface EndedBy {
  readonly user: string
  readonly message: string
}

/** The sessions of the kubernetes service of this process. */
export interface LocalSessions {
  list(): readonly LiveSession[]
  /** Ends one in words. False: there is none. */
  end(sessionId: string, by: EndedBy): boolean
}
