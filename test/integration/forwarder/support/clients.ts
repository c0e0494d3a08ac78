import { once } from 'node:events'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

export type Version = 'HTTP/1.1' | 'HTTP/2'
export const versions = ['HTTP/1.1', 'HTTP/2'] as const

export interface Ask {
  readonly method?: string
  readonly path: string
  /** Alternating names and values. */
  readonly headers?: readonly string[]
  /** `'open'`: the test writes it. */
  readonly body?: Buffer | string | 'open' | null
}

export interface Answer {
  /** 0 when no head came. */
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
  readonly text: string
  /** Ended as HTTP says, not broken. */
  readonly whole: boolean
}

/** One request in the hands of a test, alike for both versions of HTTP. */
export interface Call {
  /** Resolves with 0 when there will be none. */
  readonly head: Promise<number>
  /** Resolves however it ends. */
  readonly answer: Promise<Answer>
  received(): number
  /** False: the way up is full. */
  write(chunk: Buffer | string): boolean
  onDrain(listener: () => void): void
  end(): void
  pause(): void
  resume(): void
  /** Gives the request up without a word of goodbye beyond what the protocol has. */
  abort(): void
}

export interface Client {
  readonly version: Version
  call(ask: Ask): Call
  ask(ask: Ask): Promise<Answer>
  /** Ends all its connections with a FIN, and reads on. */
  fin(): void
  close(): void
}

export type Connect = (alpn: string) => Promise<{ secured: TLSSocket; tcp: Socket }>

export function openClient(version: Version, connectTo: Connect): Promise<Client> {
  return version === 'HTTP/1.1' ? Promise.resolve(new Client1(connectTo)) : Client2.open(connectTo)
}

/** A connection for each request. */
class Client1 implements Client {
  readonly version = 'HTTP/1.1'
  readonly #connect: Connect
  readonly #tcp = new Set<Socket>()

  constructor(connectTo: Connect) {
    this.#connect = connectTo
  }

  call(ask: Ask): Call {
    const recorder = new Recorder()
    let outgoing: ClientRequest | null = null
    const framed = ask.headers?.some((name) => name.toLowerCase() === 'content-length') ?? false
    const framing = (ask.body ?? null) === null || framed ? [] : ['Transfer-Encoding', 'chunked']
    const opened = this.#connect('http/1.1').then(({ secured, tcp }) => {
      this.#tcp.add(tcp)
      tcp.once('close', () => this.#tcp.delete(tcp))
      const request = httpRequest({
        createConnection: () => secured,
        method: ask.method ?? 'GET',
        path: ask.path,
        headers: ['Host', 'kubernetes', ...(ask.headers ?? []), ...framing],
        setHost: false,
        maxHeaderSize: 2 * 1024 * 1024,
      })
      outgoing = request
      request.on('error', () => recorder.broken())
      request.on('close', () => recorder.broken())
      request.on('response', (response: IncomingMessage) => {
        recorder.head(response.statusCode ?? 0, response.headers)
        recorder.read(response)
        response.on('end', () => {
          if (response.complete) recorder.whole()
          secured.destroy()
        })
      })
      if (ask.body === 'open') request.flushHeaders()
      else request.end(ask.body ?? undefined)
      return request
    })
    opened.catch(() => recorder.broken())
    const use = (then: (request: ClientRequest) => void): void => void opened.then(then, () => {})
    return recorder.callOf({
      write: (chunk) => {
        if (outgoing !== null) return outgoing.write(chunk)
        use((request) => request.write(chunk))
        return true
      },
      onDrain: (listener) => use((request) => request.on('drain', listener)),
      end: () => use((request) => request.end()),
      abort: () => use((request) => request.destroy()),
    })
  }

  ask(ask: Ask): Promise<Answer> {
    return this.call(ask).answer
  }

  fin(): void {
    for (const tcp of this.#tcp) tcp.end()
  }

  close(): void {
    for (const tcp of this.#tcp) tcp.destroy()
  }
}

/** All requests over one connection. */
class Client2 implements Client {
  readonly version = 'HTTP/2'
  readonly session: ClientHttp2Session
  readonly #tcp: Socket

  private constructor(session: ClientHttp2Session, tcp: Socket) {
    this.session = session
    this.#tcp = tcp
  }

  static async open(connectTo: Connect): Promise<Client2> {
    const { secured, tcp } = await connectTo('h2')
    const session = connect('https://kubernetes', {
      createConnection: () => secured,
      settings: { maxHeaderListSize: 2 * 1024 * 1024 },
      maxSendHeaderBlockLength: 2 * 1024 * 1024,
      maxHeaderListPairs: 4000,
      maxSessionMemory: 1000,
    })
    session.on('error', () => {})
    // The socket may be half open; whoever is left without an answer is told so.
    secured.once('end', () => session.destroy(undefined, constants.NGHTTP2_CANCEL))
    await once(session, 'remoteSettings')
    return new Client2(session, tcp)
  }

  call(ask: Ask): Call {
    const recorder = new Recorder()
    const list = [':method', ask.method ?? 'GET', ':scheme', 'https']
    list.push(':authority', 'kubernetes', ':path', ask.path)
    const { headers = [] } = ask
    for (let index = 0; index + 1 < headers.length; index += 2) {
      list.push((headers[index] ?? '').toLowerCase(), headers[index + 1] ?? '')
    }
    const stream: ClientHttp2Stream = this.session.request(list, {
      endStream: ask.body === undefined || ask.body === null,
    })
    stream.on('error', () => recorder.broken())
    stream.on('response', (answer) => recorder.head(Number(answer[':status']), answer))
    recorder.read(stream)
    let ended = false
    stream.on('end', () => {
      // Streams of a session that is destroyed "end" as well.
      ended = !this.session.destroyed
    })
    stream.on('close', () => {
      if (ended && stream.rstCode === constants.NGHTTP2_NO_ERROR) recorder.whole()
      else recorder.broken()
    })
    if (ask.body !== undefined && ask.body !== null && ask.body !== 'open') stream.end(ask.body)
    return recorder.callOf({
      write: (chunk) => stream.write(chunk),
      onDrain: (listener) => stream.on('drain', listener),
      end: () => stream.end(),
      abort: () => stream.close(constants.NGHTTP2_CANCEL),
    })
  }

  ask(ask: Ask): Promise<Answer> {
    return this.call(ask).answer
  }

  fin(): void {
    this.#tcp.end()
  }

  close(): void {
    this.session.destroy(undefined, constants.NGHTTP2_CANCEL)
    this.#tcp.destroy()
  }
}

/** Gathers an answer. */
class Recorder {
  readonly #head = Promise.withResolvers<number>()
  readonly #answer = Promise.withResolvers<Answer>()
  readonly #chunks: Buffer[] = []
  #received = 0
  #status = 0
  #headers: Answer['headers'] = {}
  #source: { pause(): unknown; resume(): unknown } | null = null
  #paused = false

  head(status: number, headers: Answer['headers']): void {
    this.#status = status
    this.#headers = headers
    this.#head.resolve(status)
  }

  read(source: NodeJS.ReadableStream): void {
    this.#source = source
    source.on('data', (chunk: Buffer) => {
      this.#received += chunk.length
      // Large answers are counted, not kept.
      if (this.#received < 32 * 1024 * 1024) this.#chunks.push(chunk)
    })
    source.on('error', () => this.broken())
    if (this.#paused) source.pause()
  }

  whole(): void {
    this.#end(true)
  }

  broken(): void {
    this.#end(false)
  }

  callOf(way: Pick<Call, 'write' | 'onDrain' | 'end' | 'abort'>): Call {
    return {
      head: this.#head.promise,
      answer: this.#answer.promise,
      received: () => this.#received,
      pause: () => {
        this.#paused = true
        this.#source?.pause()
      },
      resume: () => {
        this.#paused = false
        this.#source?.resume()
      },
      ...way,
    }
  }

  #end(whole: boolean): void {
    const body = Buffer.concat(this.#chunks)
    const text = body.toString('utf8')
    this.#head.resolve(this.#status)
    this.#answer.resolve({ status: this.#status, headers: this.#headers, body, text, whole })
  }
}
