import {
  controlTypes,
  FLAG_CLEAR_SETTINGS,
  FLAG_FIN,
  FLAG_UNIDIRECTIONAL,
  type Frame,
  goAwayStatuses,
  HEAD_BYTES,
  MAX_STREAM_ID,
  resetStatuses,
  SPDY_VERSION,
} from './frame.ts'
import type { HeaderEncoder } from './headers.ts'

const MAX_LENGTH = 0xffffff

/** The bytes of a frame. Headers are part of the connection's one stream of them, so frames go out in the order of these calls. */
export function encodeFrame(frame: Frame, headers: HeaderEncoder): Buffer {
  switch (frame.type) {
    case 'data':
      return Buffer.concat([dataHead(frame.streamId, frame.fin, frame.data.length), frame.data])
    case 'synStream': {
      const fields = uint32(frame.streamId, frame.associatedStreamId)
      // Three bits of priority, five unused, eight of a slot that nobody uses.
      const urgency = Buffer.from([(frame.priority & 0x07) << 5, 0])
      const flags = (frame.fin ? FLAG_FIN : 0) | (frame.unidirectional ? FLAG_UNIDIRECTIONAL : 0)
      const body = Buffer.concat([fields, urgency, headers.encode(frame.headers)])
      return controlFrame('synStream', flags, body)
    }
    case 'synReply':
    case 'headers': {
      const body = Buffer.concat([uint32(frame.streamId), headers.encode(frame.headers)])
      return controlFrame(frame.type, frame.fin ? FLAG_FIN : 0, body)
    }
    case 'rstStream': {
      const status = typeof frame.status === 'number' ? frame.status : resetStatuses[frame.status]
      return controlFrame('rstStream', 0, uint32(frame.streamId, status))
    }
    case 'settings': {
      const entries = frame.entries.map(({ flags, id, value }) =>
        uint32(((flags & 0xff) << 24) | (id & 0xffffff), value),
      )
      const body = Buffer.concat([uint32(entries.length), ...entries])
      return controlFrame('settings', frame.clear ? FLAG_CLEAR_SETTINGS : 0, body)
    }
    case 'ping':
      return controlFrame('ping', 0, uint32(frame.id))
    case 'goAway': {
      const status = typeof frame.status === 'number' ? frame.status : goAwayStatuses[frame.status]
      return controlFrame('goAway', 0, uint32(frame.lastStreamId, status))
    }
    case 'windowUpdate':
      return controlFrame('windowUpdate', 0, uint32(frame.streamId, frame.delta))
  }
}

/**
 *     |1|       version (15)        |          type (16)            |
 *     |  flags (8)  |               length (24)                     |
 */
function controlFrame(type: keyof typeof controlTypes, flags: number, body: Buffer): Buffer {
  if (body.length > MAX_LENGTH) throw new TypeError('"frame" must fit into 24 bits')
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt16BE(0x8000 | SPDY_VERSION, 0)
  head.writeUInt16BE(controlTypes[type], 2)
  head.writeUInt8(flags, 4)
  head.writeUIntBE(body.length, 5, 3)
  return Buffer.concat([head, body])
}

/**
 *     |0|                   stream id (31)                          |
 *     |  flags (8)  |               length (24)                     |
 */
export function dataHead(streamId: number, fin: boolean, length: number): Buffer {
  if (length > MAX_LENGTH) throw new TypeError('"data" must fit into 24 bits')
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt32BE(streamId & MAX_STREAM_ID, 0)
  head.writeUInt8(fin ? FLAG_FIN : 0, 4)
  head.writeUIntBE(length, 5, 3)
  return head
}

function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, index * 4)
  return bytes
}
