import type { TerminalSize } from '../protocol/index.ts'

export type CommandStream = 'stdin' | 'stdout' | 'stderr'

/** What a client wants to run in a container, or to look at; the API server reads the same query and judges it. */
export interface CommandPlan {
  readonly stdin: boolean
  readonly stdout: boolean
  /** Never together with `tty`: the terminal mixes both. */
  readonly stderr: boolean
  readonly tty: boolean
}

/** Who hears what comes from one end of a command's streams. `closed` is the last call. */
export interface CommandListener {
  /** The bytes are lent for as long as the call takes. False: nothing more is read before `resume`. */
  data(stream: CommandStream, data: Buffer): boolean
  /** Nothing more comes on a stream. */
  end(stream: CommandStream): void
  /** Of an end that faces a client. */
  resize(size: TerminalSize): void
  /** How the command ended, as the API server's `metav1.Status` in JSON: of an end that faces an API server. */
  status(status: string): void
  /** There is room again after a write that said false. */
  drain(): void
  /** Nothing more comes. Null: it ended as its protocol has it. */
  closed(error: Error | null): void
}

/** One end of an exec or attach, whatever protocol carries it. All methods may be called after the end, and do nothing then. */
export interface CommandEnd {
  /** Sends bytes, which may be changed afterwards. False: wait for `drain`. */
  write(stream: CommandStream, data: Buffer): boolean
  /** Sends nothing more on a stream. */
  end(stream: CommandStream): void
  /** Towards an API server: the size of the client's terminal. */
  resize(size: TerminalSize): void
  /** Towards a client: how the command ended (`metav1.Status` in JSON), and that the session is over. */
  finish(status: string): void
  /** Reads on. */
  resume(): void
  /** Ends it without a word. */
  destroy(): void
}
