/** Names in lower case, each with its value; of several values, the first. In the order of the wire. */
export type HeaderBlock = readonly (readonly [name: string, value: string])[]

/** Draft 3.1, 2.6.1: opens a stream. */
export interface SynStream {
  readonly type: 'synStream'
  readonly streamId: number
  readonly associatedStreamId: number
  /** 0 is the most urgent, 7 the least. */
  readonly priority: number
  /** The sender sends nothing more on it. */
  readonly fin: boolean
  /** The other side sends nothing on it. */
  readonly unidirectional: boolean
  readonly headers: HeaderBlock
}

/** 2.6.2: accepts one. */
export interface SynReply {
  readonly type: 'synReply'
  readonly streamId: number
  readonly fin: boolean
  readonly headers: HeaderBlock
}

/** 2.6.3: ends one abnormally. */
export interface RstStream {
  readonly type: 'rstStream'
  readonly streamId: number
  readonly status: ResetStatus | number
}

/** 2.6.4. */
export interface Settings {
  readonly type: 'settings'
  readonly clear: boolean
  readonly entries: readonly {
    readonly flags: number
    readonly id: number
    readonly value: number
  }[]
}

/** 2.6.5: to be sent back as it came when the other side began it. */
export interface Ping {
  readonly type: 'ping'
  readonly id: number
}

/** 2.6.6: no new streams. */
export interface GoAway {
  readonly type: 'goAway'
  readonly lastStreamId: number
  readonly status: GoAwayStatus | number
}

/** 2.6.7. */
export interface MoreHeaders {
  readonly type: 'headers'
  readonly streamId: number
  readonly fin: boolean
  readonly headers: HeaderBlock
}

/** 2.6.8. */
export interface WindowUpdate {
  readonly type: 'windowUpdate'
  readonly streamId: number
  readonly delta: number
}

/** 2.2.2. */
export interface Data {
  readonly type: 'data'
  readonly streamId: number
  readonly fin: boolean
  readonly data: Buffer
}

export type Frame =
  | SynStream
  | SynReply
  | RstStream
  | Settings
  | Ping
  | GoAway
  | MoreHeaders
  | WindowUpdate
  | Data

export const SPDY_VERSION = 3

/** Of control frames. What is not here is passed over, as 2.2.1 wants. */
export const controlTypes = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const

export const FLAG_FIN = 0x01
export const FLAG_UNIDIRECTIONAL = 0x02
export const FLAG_CLEAR_SETTINGS = 0x01

/** Both kinds of frame begin with this much. */
export const HEAD_BYTES = 8

export const resetStatuses = {
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  unsupportedVersion: 4,
  cancel: 5,
  internalError: 6,
  flowControlError: 7,
  streamInUse: 8,
  streamAlreadyClosed: 9,
  frameTooLarge: 11,
} as const
export type ResetStatus = keyof typeof resetStatuses

export const goAwayStatuses = { ok: 0, protocolError: 1, internalError: 2 } as const
export type GoAwayStatus = keyof typeof goAwayStatuses

/** 31 bits: the highest is not part of the number. */
export const MAX_STREAM_ID = 0x7fffffff

/** A frame in a log line: never what is in it. */
export function describeFrame(frame: Frame): string {
  switch (frame.type) {
    case 'data':
      return `data ${frame.streamId}, ${frame.data.length} bytes${frame.fin ? ', fin' : ''}`
    case 'ping':
      return `ping ${frame.id}`
    case 'settings':
      return `settings, ${frame.entries.length}`
    case 'goAway':
      return `goAway after ${frame.lastStreamId}: ${frame.status}`
    case 'rstStream':
      return `rstStream ${frame.streamId}: ${frame.status}`
    case 'windowUpdate':
      return `windowUpdate ${frame.streamId}: ${frame.delta}`
    default:
      return `${frame.type} ${frame.streamId}, ${frame.headers.length} headers${frame.fin ? ', fin' : ''}`
  }
}
