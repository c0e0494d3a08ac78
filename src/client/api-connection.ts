/** Where the auth service is, and who we are to it. */
export interface ApiConnection {
  readonly host: string
  readonly port: number
  /** The name in the auth service's certificate. */
  readonly serverName: string
  /** PEM. */
  readonly hostCa: string
  readonly certificate: string
  readonly privateKey: string
  readonly hints?: ConnectionHints
}

/** What a person can do about a failure. Whoever chose the connection knows; lines are separated by line breaks. */
export interface ConnectionHints {
  /** Nobody answers. */
  readonly unreachable: string
  /** Somebody else answers. */
  readonly untrusted: string
  /** The certificate is not taken (any more). */
  readonly unauthenticated: string
  /** The roles do not allow it. */
  readonly denied: string
}
