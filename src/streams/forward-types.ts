/** Who hears what comes from one end of a port-forward. Connections have numbers; the end that faces a client gives them. `closed` is the last call. */
export interface ForwardListener {
  /** A connection to a port of the pod: of an end that faces a client. False: nothing more is read before `resume`. */
  opened(id: number, port: number): boolean
  /** The bytes are lent for as long as the call takes. False: nothing more is read, of any connection, before `resume`. */
  data(id: number, data: Buffer): boolean
  /** Nothing more comes on a connection. */
  end(id: number): void
  /** How a connection fared: the words of its error stream, empty when all went well. Once, of an end that faces an API server. */
  fared(id: number, words: string): void
  /** The peer broke a connection off. */
  reset(id: number): void
  /** There is room again after a write that said false. */
  drain(): void
  /** Nothing more comes. Null: the peer went as it may at any time. */
  closed(error: Error | null): void
}

/**
 * One end of a port-forward, whatever protocol carries it. All methods may be called after the end, and for connections that
 * are over, and do nothing then.
 */
export interface ForwardEnd {
  /** Towards an API server: opens a connection to a port of the pod. False: wait for `drain`. */
  open(id: number, port: number): boolean
  /** Sends bytes, which may be changed afterwards. False: wait for `drain`. */
  write(id: number, data: Buffer): boolean
  /** Sends nothing more on a connection. */
  end(id: number): void
  /** Towards a client: how a connection fared; with `end` it is over. */
  tell(id: number, words: string): void
  /** Breaks a connection off. */
  reset(id: number): void
  /** Towards a client: ends the session, with words on each connection that stands. */
  finish(words: string): void
  /** Reads on. */
  resume(): void
  /** Ends it without a word. */
  destroy(): void
}
