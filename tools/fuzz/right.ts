import {
  DIAL_BACK_TICKET_BYTES,
  defaultSpdyLimits,
  formatDialBack,
  formatProxyHeader,
  ticketOf,
} from '../../src/protocol/index.ts'
import { encodeFrame } from '../../src/protocol/spdy/encode.ts'
import type { Frame } from '../../src/protocol/spdy/frame.ts'
import { HeaderEncoder } from '../../src/protocol/spdy/headers.ts'
import { packChunk, RecordEncoder, type SessionFacts } from '../../src/recording/index.ts'

/** A connection of SPDY: frames with one header stream. */
export function spdyBytes(frames: readonly Frame[]): Buffer {
  const headers = new HeaderEncoder()
  return Buffer.concat(frames.map((frame) => encodeFrame(frame, headers)))
}

export const opened = (streamId: number, fields: Record<string, string>): Frame => ({
  type: 'synStream',
  streamId,
  associatedStreamId: 0,
  priority: 0,
  fin: false,
  unidirectional: false,
  headers: Object.entries(fields),
})
const data = (streamId: number, text: string, fin = false): Frame => ({
  type: 'data',
  streamId,
  fin,
  data: Buffer.from(text),
})

const COMMAND: readonly Frame[] = [
  opened(1, { streamtype: 'error' }),
  opened(3, { streamtype: 'stdin' }),
  opened(5, { streamtype: 'stdout' }),
  opened(7, { streamtype: 'stderr' }),
  data(3, 'ls\n'),
  data(3, '', true),
  { type: 'ping', id: 1 },
  { type: 'settings', clear: false, entries: [{ flags: 0, id: 4, value: 100 }] },
  { type: 'windowUpdate', streamId: 3, delta: 65_536 },
  { type: 'goAway', lastStreamId: 0, status: 'ok' },
]
const PORTS: readonly Frame[] = ['0', '1'].flatMap((requestid, index) => [
  opened(index * 4 + 1, { streamtype: 'error', port: '8080', requestid }),
  data(index * 4 + 1, '', true),
  opened(index * 4 + 3, { streamtype: 'data', port: '8080', requestid }),
  data(index * 4 + 3, 'GET / HTTP/1.1\r\n\r\n'),
  { type: 'rstStream', streamId: index * 4 + 3, status: 'cancel' },
])
const ANSWERS: readonly Frame[] = [
  ...[1, 3, 5, 7].map(
    (streamId): Frame => ({ type: 'synReply', streamId, fin: false, headers: [] }),
  ),
  data(5, 'output'),
  data(3, 'answer'),
  { type: 'headers', streamId: 7, fin: false, headers: [['x', 'x'.repeat(4000)]] },
  { type: 'headers', streamId: 5, fin: true, headers: [['x', 'y']] },
  data(1, '{"metadata":{},"status":"Success"}', true),
  { type: 'goAway', lastStreamId: 7, status: 'ok' },
]

export const spdyOfClients: readonly Buffer[] = [spdyBytes(COMMAND), spdyBytes(PORTS)]
export const spdyOfServers: readonly Buffer[] = [spdyBytes(ANSWERS)]

export const headerBlocks: readonly Buffer[] = [
  new HeaderEncoder().encode([['streamtype', 'error']]),
  new HeaderEncoder().encode([
    ['streamtype', 'data'],
    ['port', '8080'],
    ['requestid', '17'],
    ['many', 'values\u0000of\u0000one'],
  ]),
  new HeaderEncoder().encode([['large', 'x'.repeat(defaultSpdyLimits.maxHeaderBytes - 17)]]),
  new HeaderEncoder().encode(
    Array.from({ length: defaultSpdyLimits.maxHeaders }, (_header, index) => [`x${index}`, 'y']),
  ),
]

const text = (channel: number, words: string): Buffer =>
  Buffer.concat([Buffer.from([channel]), Buffer.from(words)])

export const channelMessages: readonly Buffer[] = [
  text(0, 'ls\n'),
  text(1, 'output'),
  text(2, ''),
  text(3, '{"metadata":{},"status":"Success"}'),
  text(
    3,
    '{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}',
  ),
  text(4, '{"Width":80,"Height":24}'),
  Buffer.from([255, 0]),
  Buffer.from('0bHMK'),
  Buffer.from('1AAECAw=='),
]

const FACTS: SessionFacts = {
  sessionId: '3f0c5b0e-7d7f-4a52-9c5e-3a5a60d1f3a7',
  kind: 'exec',
  user: 'alice',
  roles: ['dev'],
  teleportCluster: 'example.com',
  kubeCluster: 'prod',
  namespace: 'shop',
  pod: 'cart-1',
  container: 'main',
  node: 'node-1',
  image: 'busybox:1',
  serverId: 'host-1',
  protocol: 'v5.channel.k8s.io',
  command: ['sh'],
  tty: true,
  startedMs: 0,
}

function record(): Buffer {
  const encoder = new RecordEncoder()
  return Buffer.concat([
    encoder.frame({ kind: 'begin', atMs: 0, facts: FACTS }),
    encoder.frame({ kind: 'resize', atMs: 1, width: 80, height: 24 }),
    encoder.frame({ kind: 'data', atMs: 2, stream: 'stdout', data: Buffer.from('$ ') }),
    encoder.seal(),
    encoder.frame({ kind: 'data', atMs: 900, stream: 'stdin', data: Buffer.from('ls\n') }),
    encoder.frame({
      kind: 'omitted',
      atMs: 901,
      stream: 'stdout',
      bytes: 1_000_000,
      sha256: 'ab'.repeat(32),
    }),
    encoder.frame({ kind: 'marker', atMs: 902, label: 'bob joined' }),
    encoder.frame({ kind: 'end', atMs: 1000, exitCode: 0, reason: 'exited' }),
    encoder.seal(),
  ])
}

export const records: readonly Buffer[] = [record()]
export const CHUNK_BEFORE: Buffer = Buffer.alloc(32, 7)
export const chunks: readonly Buffer[] = [packChunk(3, CHUNK_BEFORE, record())]

/** The head of a file in an archive (POSIX ustar), and what is in it, in blocks. */
function tarred(name: string, content: string, type = '0'): Buffer {
  const head = Buffer.alloc(512)
  head.write(name, 0, 100)
  head.write('0000644\0', 100)
  head.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
  head.write('00000000000\0', 136)
  head.write('        ', 148)
  head.write(type, 156)
  head.write('ustar\u000000', 257)
  const sum = head.reduce((total, byte) => total + byte, 0)
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const body = Buffer.alloc(Math.ceil(content.length / 512) * 512)
  body.write(content)
  return Buffer.concat([head, body])
}

const END = Buffer.alloc(1024)
export const archives: readonly Buffer[] = [
  Buffer.concat([tarred('data/', '', '5'), tarred('data/a', 'hello'), END]),
  Buffer.concat([
    tarred('././@LongLink', `${'long/'.repeat(40)}\0`, 'L'),
    tarred('long', 'x'),
    END,
  ]),
  Buffer.concat([tarred('PaxHeaders/a', '21 path=other/name/a\n', 'x'), tarred('a', 'x'), END]),
]

const uint16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255])
const sized = (bytes: 1 | 2, body: Buffer): Buffer =>
  Buffer.concat([bytes === 1 ? Buffer.from([body.length]) : uint16(body.length), body])

function clientHello(name: string): Buffer {
  const host = sized(2, Buffer.concat([Buffer.from([0]), sized(2, Buffer.from(name))]))
  const protocols = sized(2, sized(1, Buffer.from('h2')))
  const extensions = Buffer.concat([uint16(0), sized(2, host), uint16(16), sized(2, protocols)])
  const body = Buffer.concat([
    uint16(0x0303),
    Buffer.alloc(32, 7),
    sized(1, Buffer.alloc(32, 1)),
    sized(2, Buffer.from([0x13, 0x01])),
    sized(1, Buffer.from([0])),
    sized(2, extensions),
  ])
  const message = Buffer.concat([Buffer.from([1, 0]), uint16(body.length), body])
  return Buffer.concat([Buffer.from([22, 3, 1]), sized(2, message)])
}

export const clientHellos: readonly Buffer[] = [clientHello('kube.example.com'), clientHello('a')]

export const dialBacks: readonly Buffer[] = [
  formatDialBack(
    ticketOf(Buffer.from(Array.from({ length: DIAL_BACK_TICKET_BYTES }, (_, at) => at))),
  ),
]

export const proxyHeaders: readonly Buffer[] = [
  formatProxyHeader({ address: '192.0.2.7', port: 4711 }),
  formatProxyHeader({ address: '2001:db8::7', port: 4711 }),
  Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.8 4711 443\r\n'),
  Buffer.from('PROXY UNKNOWN\r\n'),
]
