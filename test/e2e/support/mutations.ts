import { once } from 'node:events'
import { open as openFile, stat } from 'node:fs/promises'
import type { ClientRequest } from 'node:http'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  type Settings,
} from 'node:http2'
import { Agent, type RequestOptions, request as requestHttp1 } from 'node:https'
import { connect as connectTcp } from 'node:net'
import type { ApiServerEvent, Cluster } from './environment.ts'
import { type Credentials, type Door, open } from './wire.ts'

export interface Answered {
  readonly status: number
  readonly body: string
}

/** A client that keeps its connections: one of Node's, with a signed certificate. */
export interface Client extends Disposable {
  /** Null: the connection broke before the whole answer was there. */
  send(request: Sent): Promise<Answered | null>
}

export interface Http2Client extends Client {
  readonly session: ClientHttp2Session
}

export interface Sent {
  readonly method: string
  readonly path: string
  readonly userAgent: string
  readonly body?: object
}

/** HTTP/1.1 on as many connections as there are requests underway. */
export function http1Client(door: Door, credentials: Credentials): Client {
  const agent = new Agent({ keepAlive: true })
  return {
    send({ method, path, userAgent, body }) {
      const request = requestHttp1({
        ...http1Options(door, credentials),
        agent,
        method,
        path,
        headers: {
          'user-agent': userAgent,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
      })
      request.end(body === undefined ? '' : JSON.stringify(body))
      return readHttp1(request)
    },
    [Symbol.dispose]: () => agent.destroy(),
  }
}

export function http1Options(door: Door, credentials: Credentials): RequestOptions {
  const { ca, key, certificate } = credentials
  return {
    host: '127.0.0.1',
    port: door.port,
    servername: door.serverName ?? '',
    ca,
    ...(key === null ? {} : { key }),
    ...(certificate === null ? {} : { cert: certificate }),
    checkServerIdentity: () => undefined,
  }
}

/** HTTP/2 with all requests on one connection. */
export async function http2Client(
  door: Door,
  credentials: Credentials,
  settings: Settings = {},
): Promise<Http2Client> {
  const socket = open(door, credentials, { ALPNProtocols: ['h2'] })
  await once(socket, 'secureConnect')
  const session = connectHttp2('https://localhost', {
    createConnection: () => socket,
    settings,
  })
  session.on('error', () => {})
  return {
    session,
    async send({ method, path, userAgent, body }) {
      if (session.closed || session.destroyed) return null
      const stream = session.request({
        ':method': method,
        ':path': path,
        'user-agent': userAgent,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      })
      // Without a body the head has ended the stream already.
      if (body !== undefined) stream.end(JSON.stringify(body))
      return readHttp2(stream)
    },
    [Symbol.dispose]: () => session.destroy(),
  }
}

export function readHttp1(request: ClientRequest): Promise<Answered | null> {
  return new Promise((resolve) => {
    request.once('error', () => resolve(null))
    request.once('response', (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.once('error', () => resolve(null))
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
  })
}

export function readHttp2(stream: ClientHttp2Stream): Promise<Answered | null> {
  return new Promise((resolve) => {
    let status = 0
    let body = ''
    let ended = false
    stream.setEncoding('utf8')
    stream.on('error', () => {})
    stream.once('response', (headers) => {
      status = Number(headers[':status'])
    })
    stream.on('data', (chunk: string) => {
      body += chunk
    })
    stream.once('end', () => {
      ended = true
    })
    stream.once('close', () =>
      resolve(ended && status > 0 && stream.rstCode === 0 ? { status, body } : null),
    )
  })
}

/** Why a port cannot be connected to; null when it can. */
export function connectionError(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1')
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.once('connect', () => {
      socket.destroy()
      resolve(null)
    })
  })
}

/** Sends until nothing is left, or `stopped`: each client has so many requests underway at once. */
export async function sendAll(
  clients: readonly Client[],
  requests: readonly Sent[],
  options: {
    readonly underwayEach: number
    readonly stopped: () => boolean
    readonly onAnswer: (sent: Sent, answered: Answered | null) => void
  },
): Promise<void> {
  const rest = [...requests]
  const worker = async (client: Client): Promise<void> => {
    while (!options.stopped()) {
      const next = rest.shift()
      if (next === undefined) return
      options.onAnswer(next, await client.send(next))
    }
  }
  await Promise.all(
    clients.flatMap((client) => Array.from({ length: options.underwayEach }, () => worker(client))),
  )
}

/** What an API server wrote about itself from now on. */
export async function followAuditLog(cluster: Cluster): Promise<() => Promise<ApiServerEvent[]>> {
  const { auditLog } = cluster
  if (auditLog === null) throw new Error('this API server has no audit log')
  const offset = (await stat(auditLog)).size
  return async () => {
    const file = await openFile(auditLog)
    try {
      const bytes = Buffer.alloc((await file.stat()).size - offset)
      await file.read(bytes, 0, bytes.length, offset)
      return bytes
        .toString('utf8')
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line) as ApiServerEvent)
    } finally {
      await file.close()
    }
  }
}
