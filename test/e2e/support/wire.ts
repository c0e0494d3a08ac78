import { readFile } from 'node:fs/promises'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { parse } from 'yaml'

/** What a client holds to make connections by hand. */
export interface Credentials {
  readonly ca: string
  readonly key: string | null
  /** With further certificates behind it, if a test wants that. */
  readonly certificate: string | null
}

export interface Door {
  readonly port: number
  readonly serverName: string | null
}

/** A kubeconfig of ours, taken apart. */
export interface SignedIn {
  readonly credentials: Credentials
  /** By context. */
  readonly doors: ReadonlyMap<string, { readonly port: number; readonly serverName: string }>
}

export async function signedIn(kubeconfig: string): Promise<SignedIn> {
  const config = parse(await readFile(kubeconfig, 'utf8')) as {
    clusters: {
      name: string
      cluster: { server: string; 'tls-server-name': string; 'certificate-authority-data': string }
    }[]
    users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[]
    contexts: { name: string; context: { cluster: string } }[]
  }
  const pem = (data: string | undefined): string => Buffer.from(data ?? '', 'base64').toString()
  const doors = new Map<string, { port: number; serverName: string }>()
  for (const { name, context } of config.contexts) {
    const cluster = config.clusters.find((one) => one.name === context.cluster)?.cluster
    if (cluster === undefined) throw new Error(`no cluster for the context ${name}`)
    const port = Number(new URL(cluster.server).port)
    doors.set(name, { port, serverName: cluster['tls-server-name'] })
  }
  const user = config.users[0]?.user
  return {
    credentials: {
      ca: pem(config.clusters[0]?.cluster['certificate-authority-data']),
      key: pem(user?.['client-key-data']),
      certificate: pem(user?.['client-certificate-data']),
    },
    doors,
  }
}

/** Whatever goes on takes this long at most before a test is told what came so far. */
const PATIENCE_MS = 20_000

export function open(
  door: Door,
  credentials: Credentials,
  options: ConnectionOptions = {},
): TLSSocket {
  const { key, certificate } = credentials
  return connect({
    host: '127.0.0.1',
    port: door.port,
    ca: credentials.ca,
    ...(door.serverName === null ? {} : { servername: door.serverName }),
    ...(key === null ? {} : { key }),
    ...(certificate === null ? {} : { cert: certificate }),
    checkServerIdentity: () => undefined,
    ...options,
  })
}

export interface Answer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export interface Talk {
  readonly answers: readonly Answer[]
  /** False: the answers that were waited for are there, and the server has not closed. */
  readonly closed: boolean
  /** The code of a failure of TLS or TCP. */
  readonly error: string | null
}

/**
 * Sends bytes by HTTP/1.1 and reads until `answers` of them came or the server closed. Text is bytes as latin1.
 * Rejects when neither happens.
 */
export function talk(
  door: Door,
  credentials: Credentials,
  text: string | Buffer,
  options: { readonly answers?: number; readonly tls?: ConnectionOptions } = {},
): Promise<Talk> {
  const wanted = options.answers ?? Number.POSITIVE_INFINITY
  return new Promise((resolve, reject) => {
    const socket = open(door, credentials, { ALPNProtocols: ['http/1.1'], ...options.tls })
    let received = ''
    let error: string | null = null
    const finish = (closed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ answers: parseAnswers(received, closed), closed, error })
    }
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`the server neither answers nor closes; it said: ${received}`))
    }, PATIENCE_MS)
    socket.on('error', (reason: NodeJS.ErrnoException) => {
      error ??= reason.code ?? reason.message
    })
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      if (parseAnswers(received, false).length >= wanted) finish(false)
    })
    socket.once('close', () => finish(true))
    socket.once('secureConnect', () =>
      socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text),
    )
  })
}

/** The final answers in a stream of bytes; the last one may be cut off and is left out then, unless the end is known. */
function parseAnswers(text: string, ended: boolean): Answer[] {
  const answers: Answer[] = []
  let rest = text
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    if (end === -1) return answers
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n')
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1])
    if (!Number.isInteger(status)) throw new Error(`not an answer: ${JSON.stringify(rest)}`)
    rest = rest.slice(end + 4)
    if (status < 200 && status !== 101) continue
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      }),
    )
    const length = headers.get('content-length')
    if (headers.get('transfer-encoding') === 'chunked') {
      const body = unchunked(rest)
      if (body === null) return ended ? [...answers, { status, headers, body: rest }] : answers
      answers.push({ status, headers, body: body.text })
      rest = rest.slice(body.length)
    } else if (length === undefined && status !== 204) {
      if (ended) answers.push({ status, headers, body: rest })
      return answers
    } else {
      const count = Number(length ?? 0)
      if (rest.length < count)
        return ended ? [...answers, { status, headers, body: rest }] : answers
      answers.push({ status, headers, body: rest.slice(0, count) })
      rest = rest.slice(count)
    }
  }
}

function unchunked(text: string): { text: string; length: number } | null {
  let at = 0
  let body = ''
  for (;;) {
    const line = text.indexOf('\r\n', at)
    if (line === -1) return null
    const size = Number.parseInt(text.slice(at, line), 16)
    const next = line + 2 + size + 2
    // Also for a size that is none.
    if (!(text.length >= next)) return null
    if (size === 0) return { text: body, length: next }
    body += text.slice(line + 2, line + 2 + size)
    at = next
  }
}

/** A field of HTTP/2, as it goes on the wire. */
export type Field = readonly [name: string, value: string]

export interface Http2Talk {
  /** Error codes; null when no such frame came. */
  readonly reset: number | null
  readonly goaway: number | null
  readonly body: string
  /** The server ended the stream by itself. */
  readonly ended: boolean
  /** The block of the first HEADERS frame, undecoded. */
  readonly answered: boolean
}

const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, goaway: 7, continuation: 9 } as const
/** RFC 9113, 6.5.2: what every server takes. */
const MAX_FRAME_BYTES = 16_384
const END_STREAM = 1
const END_HEADERS = 4

export const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Fields as HPACK literals that are never indexed: nothing is checked, lowered or left out. */
export function headersFrame(
  fields: readonly Field[],
  options: { readonly stream?: number; readonly end?: boolean } = {},
): Buffer {
  const stream = options.stream ?? 1
  const block = Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.of(0x10), literal(name), literal(value)]),
  )
  const frames: Buffer[] = []
  for (let at = 0; at < block.length || at === 0; at += MAX_FRAME_BYTES) {
    const last = at + MAX_FRAME_BYTES >= block.length ? END_HEADERS : 0
    const flags = at === 0 && options.end !== false ? END_STREAM | last : last
    const type = at === 0 ? FRAME.headers : FRAME.continuation
    frames.push(frame(type, flags, stream, block.subarray(at, at + MAX_FRAME_BYTES)))
  }
  return Buffer.concat(frames)
}

export const dataFrame = (text: string, end = true): Buffer =>
  frame(FRAME.data, end ? END_STREAM : 0, 1, Buffer.from(text, 'latin1'))

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest = rest >> 7) length.push((rest & 127) | 128)
  return Buffer.concat([Buffer.of(...length, rest), bytes])
}

/** Sends frames of HTTP/2 as they are and reads until stream 1 or the connection is over. */
export function talkHttp2(
  door: Door,
  credentials: Credentials,
  frames: readonly Buffer[],
): Promise<Http2Talk> {
  return new Promise((resolve, reject) => {
    const socket = open(door, credentials, { ALPNProtocols: ['h2'] })
    let received: Buffer = Buffer.alloc(0)
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`the server is silent: ${JSON.stringify(read(received))}`))
    }, PATIENCE_MS)
    const finish = (): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(read(received))
    }
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      const { ended, reset, goaway } = read(received)
      if (ended || reset !== null || goaway !== null) finish()
    })
    socket.once('close', finish)
    socket.once('secureConnect', () => {
      const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
      socket.write(
        Buffer.concat([preface, frame(FRAME.settings, 0, 0, Buffer.alloc(0)), ...frames]),
      )
    })
  })
}

function read(bytes: Buffer): Http2Talk {
  let reset: number | null = null
  let goaway: number | null = null
  let body = ''
  let ended = false
  let answered = false
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3)
    const [type, flags, stream] = [bytes[at + 3], bytes[at + 4] ?? 0, bytes.readUInt32BE(at + 5)]
    const payload = bytes.subarray(at + 9, at + 9 + length)
    if (payload.length < length) break
    at += 9 + length
    if (type === FRAME.goaway) goaway = payload.readUInt32BE(4)
    if (stream !== 1) continue
    if (type === FRAME.reset) reset = payload.readUInt32BE(0)
    if (type === FRAME.headers) answered = true
    if (type === FRAME.data) body += payload.toString('latin1')
    if ((type === FRAME.data || type === FRAME.headers) && (flags & END_STREAM) !== 0) ended = true
  }
  return { reset, goaway, body, ended, answered }
}
