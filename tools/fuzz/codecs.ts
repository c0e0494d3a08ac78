import { CodedError } from '../../src/core/index.ts'
import {
  defaultSpdyLimits,
  encodeFrame,
  parseChannelMessage,
  parseClientHello,
  parseDialBack,
  parseExitStatus,
  parseProxyHeader,
  parseTerminalSize,
  SpdySession,
  WebSocketDecoder,
} from '../../src/protocol/index.ts'
import { FrameDecoder } from '../../src/protocol/spdy/decode.ts'
import { HeaderDecoder } from '../../src/protocol/spdy/headers.ts'
import { openChunk, RecordDecoder, RecordError, TarManifest } from '../../src/recording/index.ts'
import { forwardStreamOf, portOf } from '../../src/streams/forward-headers.ts'
import {
  chooseDialect,
  defaultStreamLimits,
  openSpdyCommand,
  openSpdyForward,
  openWebSocketCommand,
  serveSpdyCommand,
  serveSpdyForward,
  V5,
  WebSocketLink,
} from '../../src/streams/index.ts'
import { readMessage } from '../../src/streams/websocket-dialect.ts'
import { chooseForwardDialect, WebSocketForward } from '../../src/streams/websocket-forward.ts'
import { mutate, pieces } from './mutate.ts'
import type { Random } from './random.ts'
import {
  archives,
  CHUNK_BEFORE,
  channelMessages,
  chunks,
  clientHellos,
  dialBacks,
  headerBlocks,
  proxyHeaders,
  records,
  spdyOfClients,
  spdyOfServers,
} from './right.ts'
import { mustBeCoded, StandInConnection, StandInListener } from './stand-ins.ts'

/**
 * Reads one input as whoever gets such bytes from outside reads them. Throws for whatever must not happen; errors with a code are what
 * should happen to bytes that are none of the protocol.
 */
export type Codec = (random: Random) => void

const limits = defaultStreamLimits
const EMPTY = Buffer.alloc(0)
const DIALECTS = [V5, chooseDialect(['v4.base64.channel.k8s.io']) ?? V5]
const PLAN = { stdin: true, stdout: true, stderr: true, tty: false }

/** Runs it, and lets pass what is an answer to bad bytes. */
function expecting(run: () => void): void {
  try {
    run()
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
  }
}

/** Gives a connection of SPDY to one of our ends. */
function spdyEnd(right: readonly Buffer[], open: (socket: StandInConnection) => void): Codec {
  return (random) => {
    const socket = new StandInConnection()
    open(socket)
    for (const piece of pieces(random, mutate(random, right))) socket.give(piece)
    socket.emit('close')
  }
}

/** Messages as they come over a WebSocket; one time in four the frames are spoilt, too. */
function framesOf(random: Random, from: 'client' | 'server'): readonly Buffer[] {
  const key = from === 'client' ? Buffer.from([1, 2, 3, random.below(256)]) : null
  const frames = Array.from({ length: 1 + random.below(6) }, () =>
    encodeFrame(random.chance(2) ? 'binary' : 'text', mutate(random, channelMessages), key),
  )
  const bytes = random.chance(4) ? mutate(random, frames) : Buffer.concat(frames)
  // They are unmasked in place.
  return pieces(random, Buffer.from(bytes))
}

export const codecs: Readonly<Record<string, Codec>> = {
  'client-hello': (random) => {
    parseClientHello(mutate(random, clientHellos))
  },
  'dial-back': (random) => {
    parseDialBack(mutate(random, dialBacks))
  },
  'proxy-header': (random) => {
    parseProxyHeader(mutate(random, proxyHeaders))
  },
  'spdy-frames': (random) => {
    const bytes = mutate(random, random.chance(2) ? spdyOfClients : spdyOfServers)
    expecting(() => {
      const decoder = new FrameDecoder()
      for (const piece of pieces(random, bytes)) {
        decoder.push(piece)
        if (decoder.pending > bytes.length) throw new Error('more is kept than came')
      }
    })
  },
  'spdy-headers': (random) => {
    const decoder = new HeaderDecoder(defaultSpdyLimits)
    expecting(() => {
      const headers = decoder.decode(mutate(random, headerBlocks))
      if (headers.length > defaultSpdyLimits.maxHeaders) throw new Error('too many headers')
      for (const [name, value] of headers) {
        if (name !== name.toLowerCase()) throw new Error('a name in upper case')
        if (value.includes('\u0000')) throw new Error('several values')
      }
    })
  },
  'spdy-session': (random) => {
    const isServer = random.chance(2)
    const session = new SpdySession(isServer ? 'server' : 'client')
    if (!isServer) for (let stream = 0; stream < 4; stream += 1) session.open([['a', 'b']])
    expecting(() => {
      const bytes = mutate(random, isServer ? spdyOfClients : spdyOfServers)
      for (const piece of pieces(random, bytes)) session.receive(piece)
    })
    if (session.streams > defaultSpdyLimits.maxStreams) throw new Error('too many streams')
  },
  'kube-channel': (random) => {
    const message = mutate(random, channelMessages)
    parseChannelMessage(message, random.chance(2) ? 'v5.channel.k8s.io' : 'v4.channel.k8s.io')
    const text = message.toString('utf8', 1)
    parseExitStatus(text)
    parseTerminalSize(text)
    for (const dialect of DIALECTS) readMessage(dialect, message, random.chance(2))
  },
  'websocket-frames': (random) => {
    const from = random.chance(2) ? 'client' : 'server'
    expecting(() => {
      const decoder = new WebSocketDecoder(from, { maxMessageBytes: 100, maxMessageFragments: 8 })
      let bytes = 0
      let isOver = false
      for (const piece of framesOf(random, from)) {
        for (const event of decoder.push(piece)) {
          if (isOver) throw new Error('an event after the close')
          isOver = event.kind === 'close'
          if (event.kind !== 'piece') continue
          bytes = (event.isFirst ? 0 : bytes) + event.data.length
          if (bytes > 100) throw new Error('a message above the limit')
        }
      }
    })
  },
  'forward-headers': (random) => {
    const text = mutate(random, headerBlocks).toString('utf8')
    const port = portOf(random.chance(2) ? text : String(random.below(100_000)))
    if (port !== null && (port < 1 || port > 65_535)) throw new Error(`port ${port}`)
    const type = random.of(['data', 'error', text])
    forwardStreamOf(random.below(1 << 30), [
      ['streamtype', type],
      ['port', random.of(['80', text])],
      ['requestid', text],
    ])
  },
  'forward-websocket': (random) => {
    const socket = new StandInConnection()
    const dialect = chooseForwardDialect(random.of([[], ['v4.base64.channel.k8s.io']]))
    if (dialect === null) throw new Error('no dialect')
    const link = new WebSocketLink('server', socket, limits)
    const end = new WebSocketForward({ link, dialect, ports: [80, 443] }, new StandInListener())
    end.start(EMPTY)
    for (const piece of framesOf(random, 'client')) socket.give(piece)
    socket.emit('close')
  },
  'command-spdy-client': spdyEnd(spdyOfClients, (socket) => {
    const options = { socket, head: EMPTY, plan: PLAN, limits }
    void serveSpdyCommand(
      { ...options, protocol: 'v4.channel.k8s.io' },
      new StandInListener(),
    ).catch(mustBeCoded)
  }),
  'command-spdy-server': spdyEnd(spdyOfServers, (socket) => {
    openSpdyCommand({ socket, head: EMPTY, plan: PLAN, limits }, new StandInListener())
  }),
  'command-websocket-server': (random) => {
    const socket = new StandInConnection()
    const options = { socket, head: EMPTY, dialect: random.of(DIALECTS), limits }
    openWebSocketCommand(options, new StandInListener())
    for (const piece of framesOf(random, 'server')) socket.give(piece)
    socket.emit('close')
  },
  'forward-spdy-client': spdyEnd(spdyOfClients, (socket) => {
    serveSpdyForward({ socket, head: EMPTY, limits }, new StandInListener())
  }),
  'forward-spdy-server': spdyEnd(spdyOfServers, (socket) => {
    const end = openSpdyForward({ socket, head: EMPTY, limits }, new StandInListener())
    end.open(1, 80)
    end.open(2, 81)
    end.write(1, Buffer.from('early'))
  }),
  record: (random) => {
    const decoder = new RecordDecoder()
    const bytes = mutate(random, records)
    expecting(() => {
      for (const piece of pieces(random, bytes)) {
        decoder.push(piece)
        if (decoder.pending > bytes.length) throw new Error('more is kept than came')
      }
    })
  },
  chunk: (random) => {
    try {
      openChunk(mutate(random, chunks), { index: 3, before: CHUNK_BEFORE })
    } catch (error) {
      if (!(error instanceof RecordError)) throw error
    }
  },
  'tar-manifest': (random) => {
    const bytes = mutate(random, archives)
    const [whole, cut] = [new TarManifest(4), new TarManifest(4)]
    whole.push(bytes)
    const entries = whole.take()
    const inPieces = pieces(random, bytes).flatMap((piece) => {
      cut.push(piece)
      return [...cut.take()]
    })
    if (entries.length > 4) throw new Error('more entries than are told')
    if (JSON.stringify(entries) !== JSON.stringify(inPieces) || whole.more !== cut.more) {
      throw new Error('other entries when the bytes are cut')
    }
  },
}
