/** What a generator is to do, and what it saw: both go between processes as JSON. */
export interface Load {
  readonly host: string
  readonly port: number
  readonly path: string
  /** Null: plain HTTP. */
  readonly tls: {
    readonly serverName: string
    readonly ca: string
    readonly cert: string | null
    readonly key: string | null
  } | null
  readonly connections: number
  readonly warmUpMs: number
  readonly runMs: number
  readonly mode: 'requests' | 'handshakes' | 'download'
  /** Processes whose processor time counts. */
  readonly pids: readonly number[]
}

export interface Measured {
  readonly requests: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly bytes: number
  /** Processor time that the processes used while requests were counted. */
  readonly cpuSeconds: number
}
