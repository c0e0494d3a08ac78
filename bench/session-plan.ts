import type { CommandListener, ForwardListener } from '../src/streams/index.ts'

/** What runs in the pod of the simulated API server, by the words of the command. */
export type Program =
  /** Ends at once. */
  | 'true'
  /** Says nothing until the client leaves. */
  | 'idle'
  /** Prints so many bytes. */
  | 'out'
  /** Reads so many bytes. */
  | 'in'

/** What a client does. */
export type SessionLoad =
  | {
      readonly type: 'starts'
      readonly protocol: 'websocket' | 'spdy'
      readonly atOnce: number
      readonly warmUpMs: number
      readonly runMs: number
    }
  | {
      readonly type: 'command'
      readonly program: 'out' | 'in'
      readonly tty: boolean
      readonly bytes: number
    }
  | { readonly type: 'forward'; readonly program: 'out' | 'in'; readonly bytes: number }
  | { readonly type: 'idle'; readonly count: number }

export interface SessionMeasured {
  readonly count: number
  readonly seconds: number
  /** Of the measured processes, meanwhile. */
  readonly cpuSeconds: number
}

const PIECE_BYTES = 32 * 1024

/** What a program prints, and people paste: lines that pack well, a piece as container runtimes send them. */
export const PIECE: Buffer = Buffer.from(
  Array.from(
    { length: 1000 },
    (_, at) => `2026-11-25T12:00:00.${at}Z level=info msg="request ${(at * 7919) % 1000} done"\n`,
  ).join(''),
).subarray(0, PIECE_BYTES)

/** Listens and does nothing with what it hears, but for what a load says. */
export class CommandEars implements CommandListener {
  onData: (bytes: number) => void = () => {}
  onDrain: () => void = () => {}
  onStatus: (status: string) => void = () => {}
  readonly over = Promise.withResolvers<Error | null>()

  data(_stream: string, data: Buffer): boolean {
    this.onData(data.length)
    return true
  }
  end(): void {}
  resize(): void {}
  status(status: string): void {
    this.onStatus(status)
  }
  drain(): void {
    this.onDrain()
  }
  closed(error: Error | null): void {
    this.over.resolve(error)
  }
}

export class ForwardEars implements ForwardListener {
  onOpened: (id: number, port: number) => void = () => {}
  onData: (id: number, bytes: number) => void = () => {}
  onEnd: (id: number) => void = () => {}
  onDrain: () => void = () => {}
  readonly over = Promise.withResolvers<Error | null>()

  opened(id: number, port: number): boolean {
    this.onOpened(id, port)
    return true
  }
  data(id: number, data: Buffer): boolean {
    this.onData(id, data.length)
    return true
  }
  end(id: number): void {
    this.onEnd(id)
  }
  fared(): void {}
  reset(id: number): void {
    this.onEnd(id)
  }
  drain(): void {
    this.onDrain()
  }
  closed(error: Error | null): void {
    this.over.resolve(error)
  }
}

/** Sends so many bytes as there is room, then says so; what it returns is to be called when there is room again. */
export function pour(
  bytes: number,
  write: (data: Buffer) => boolean,
  done: () => void,
): () => void {
  let left = bytes
  let isWaiting = false
  const more = (): void => {
    isWaiting = false
    while (left > 0) {
      const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE
      left -= piece.length
      const hasRoom = write(piece)
      if (left === 0) done()
      else if (!hasRoom) {
        isWaiting = true
        return
      }
    }
  }
  more()
  return () => {
    if (isWaiting) more()
  }
}
