import {
  DIAL_BACK_TICKET_BYTES,
  type DialBackTicket,
  MAX_CLIENT_HELLO_BYTES,
  ticketOf,
} from '../../protocol/index.ts'
import { TunnelError } from '../errors.ts'
import { formatOrigin, parseOrigin, type TunnelOrigin } from '../origin.ts'

/** Whose connection goes through a dial-back: what an agent must know of it, and by whom it must be told. */
export interface Binding {
  readonly serverName: string
  readonly origin: TunnelOrigin
  /**
   * All that came of it so far, its ClientHello first. It does not go through the plain connection: TLS proves that whoever goes on
   * there is who sent it, so that nobody on the network can put one person's connection in the place of another's.
   */
  readonly hello: Buffer
}

/** What is said about dial-backs on their stream within the tunnel. */
export type DialBackFrame =
  /** The proxy: dial, and show this ticket. */
  | { readonly type: 'order'; readonly ticket: DialBackTicket }
  /** The proxy: the connection with the ticket of this id is somebody's now. */
  | { readonly type: 'bind'; readonly id: string; readonly binding: Binding }
  /** The agent: nothing comes of this order. */
  | { readonly type: 'failed'; readonly id: string }

const TYPES = { order: 1, bind: 2, failed: 3 } as const
const HEAD_BYTES = 4
const ID_BYTES = 16
const MAX_NAME_BYTES = 253
const MAX_ORIGIN_BYTES = 64
const MAX_BODY_BYTES = ID_BYTES + 2 + MAX_NAME_BYTES + MAX_ORIGIN_BYTES + MAX_CLIENT_HELLO_BYTES

/** Whether a frame can hold it. What came behind a ClientHello may be more than that. */
export const canBind = ({ serverName, hello }: Binding): boolean =>
  serverName.length <= MAX_NAME_BYTES && hello.length <= MAX_CLIENT_HELLO_BYTES

/** Type (1 byte), length of what follows (3 bytes), then ids and secrets raw, texts behind a byte of length, the hello last. */
export function formatFrame(frame: DialBackFrame): Buffer {
  switch (frame.type) {
    case 'order': {
      const bytes = headed(TYPES.order, frame.ticket.id, DIAL_BACK_TICKET_BYTES)
      frame.ticket.secret.copy(bytes, HEAD_BYTES + ID_BYTES)
      return bytes
    }
    case 'failed':
      return headed(TYPES.failed, frame.id, ID_BYTES)
    case 'bind': {
      const { serverName, origin, hello } = frame.binding
      const from = formatOrigin(origin)
      const texts = 2 + serverName.length + from.length
      const bytes = headed(TYPES.bind, frame.id, ID_BYTES + texts + hello.length)
      const nameAt = HEAD_BYTES + ID_BYTES
      bytes.writeUInt8(serverName.length, nameAt)
      bytes.write(serverName, nameAt + 1, 'latin1')
      const fromAt = nameAt + 1 + serverName.length
      bytes.writeUInt8(from.length, fromAt)
      bytes.write(from, fromAt + 1, 'latin1')
      hello.copy(bytes, nameAt + texts)
      return bytes
    }
  }
}

/** A frame that begins with an id; the rest of its body is to be filled. */
function headed(type: number, id: string, bodyBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + bodyBytes)
  bytes.writeUInt8(type)
  bytes.writeUIntBE(bodyBytes, 1, 3)
  bytes.write(id, HEAD_BYTES, 'hex')
  return bytes
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  /** The frames that are whole now. Throws TunnelError TUNNEL_DIAL_BACK_INVALID; a length is judged before its bytes are kept. */
  push(chunk: Buffer): DialBackFrame[] {
    const frames: DialBackFrame[] = []
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (bytes.length >= HEAD_BYTES) {
      const length = bytes.readUIntBE(1, 3)
      if (length > MAX_BODY_BYTES) throw invalid(`a frame of ${length} bytes`)
      if (bytes.length < HEAD_BYTES + length) break
      frames.push(parseBody(bytes.readUInt8(), bytes.subarray(HEAD_BYTES, HEAD_BYTES + length)))
      bytes = bytes.subarray(HEAD_BYTES + length)
    }
    this.#rest = bytes
    return frames
  }
}

function parseBody(type: number, body: Buffer): DialBackFrame {
  switch (type) {
    case TYPES.order:
      if (body.length !== DIAL_BACK_TICKET_BYTES) throw invalid('a ticket of another length')
      // A copy: the secret would keep alive whatever else came with it.
      return { type: 'order', ticket: ticketOf(Buffer.from(body)) }
    case TYPES.failed:
      if (body.length !== ID_BYTES) throw invalid('an id of another length')
      return { type: 'failed', id: body.toString('hex') }
    case TYPES.bind: {
      const [serverName, afterName] = textAt(body, ID_BYTES)
      const [address, helloAt] = textAt(body, afterName)
      const origin = parseOrigin(address)
      if (origin === null) throw invalid('where the connection came from')
      const hello = body.subarray(helloAt)
      return {
        type: 'bind',
        id: body.toString('hex', 0, ID_BYTES),
        binding: { serverName, origin, hello },
      }
    }
    default:
      throw invalid(`a frame of type ${type}`)
  }
}

/** The text behind its byte of length, and where it ends. */
function textAt(body: Buffer, at: number): [text: string, end: number] {
  const length = body[at]
  const end = at + 1 + (length ?? 0)
  if (length === undefined || end > body.length) throw invalid('a frame that is cut short')
  return [body.toString('latin1', at + 1, end), end]
}

const invalid = (what: string): TunnelError =>
  new TunnelError('TUNNEL_DIAL_BACK_INVALID', `not understood about dial-backs: ${what}`)
