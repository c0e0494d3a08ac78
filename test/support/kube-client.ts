import { readFile } from 'node:fs/promises'
import { Agent, type RequestOptions, request } from 'node:https'
import type { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import { parse } from 'yaml'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export interface KubeAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** Parsed, or null. Tests look into it without ceremony. */
  // biome-ignore lint/suspicious/noExplicitAny: an answer of a server, looked into by a test
  readonly body: any
}

export interface KubeAsk {
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** Instead of the administrator. */
  readonly as?: { readonly user: string; readonly groups?: readonly string[] }
}

export interface KubeTls {
  readonly ca?: Buffer | string
  readonly cert?: Buffer | string
  readonly key?: Buffer | string
  readonly servername?: string
}

const ADMINISTRATOR = { user: 'conformance', groups: ['system:masters'] } as const

/** A client with nothing between a test and the server: HTTP/1.1, one request a connection from a pool. */
export class KubeClient implements Disposable {
  readonly host: string
  readonly port: number
  readonly #tls: KubeTls
  readonly #token: string | null
  readonly #agent: Agent
  /** Whom requests impersonate that do not say; null: nobody. */
  readonly #as: KubeAsk['as'] | null

  private constructor(
    address: { readonly host: string; readonly port: number },
    tls: KubeTls,
    token: string | null,
    as: KubeAsk['as'] | null,
  ) {
    this.host = address.host
    this.port = address.port
    this.#as = as
    this.#tls = tls
    this.#token = token
    this.#agent = new Agent({ keepAlive: true, ...tls })
  }

  /** The current context of a kubeconfig, with what it refers to. */
  static async open(kubeconfig: string): Promise<KubeClient> {
    const config = parse(kubeconfig) as {
      clusters: { cluster: Record<string, string> }[]
      users: { user: Record<string, string> }[]
    }
    const cluster = config.clusters[0]?.cluster ?? {}
    const user = config.users[0]?.user ?? {}
    const material = async (from: Record<string, string>, name: string): Promise<Buffer | null> => {
      const data = from[`${name}-data`]
      const path = from[name]
      if (data !== undefined) return Buffer.from(data, 'base64')
      return path === undefined ? null : readFile(path)
    }
    const ca = await material(cluster, 'certificate-authority')
    const cert = await material(user, 'client-certificate')
    const key = await material(user, 'client-key')
    const server = new URL(cluster['server'] ?? '')
    return new KubeClient(
      { host: server.hostname, port: Number(server.port) },
      {
        ...(ca === null ? {} : { ca }),
        ...(cert === null ? {} : { cert }),
        ...(key === null ? {} : { key }),
      },
      user['token'] ?? null,
      ADMINISTRATOR,
    )
  }

  /** Of somebody with a certificate, who is himself. */
  static withCertificate(
    address: { readonly host: string; readonly port: number },
    tls: KubeTls,
  ): KubeClient {
    return new KubeClient(address, tls, null, null)
  }

  headersFor({
    headers = {},
    as = this.#as ?? undefined,
  }: KubeAsk): Record<string, string | string[]> {
    return {
      ...(this.#token === null ? {} : { Authorization: `Bearer ${this.#token}` }),
      ...(as === undefined ? {} : { 'Impersonate-User': as.user }),
      ...(as?.groups === undefined ? {} : { 'Impersonate-Group': [...as.groups] }),
      Accept: 'application/json',
      ...Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [
          name,
          typeof value === 'string' ? value : [...value],
        ]),
      ),
    }
  }

  ask(method: string, path: string, ask: KubeAsk = {}): Promise<KubeAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<KubeAnswer>()
    const text =
      ask.body === undefined
        ? null
        : typeof ask.body === 'string'
          ? ask.body
          : JSON.stringify(ask.body)
    const outgoing = request(this.#options(method, path, ask, text), (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8')
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, text: body, body: parsed(body) })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(text ?? undefined)
    return promise
  }

  get(path: string, ask: KubeAsk = {}): Promise<KubeAnswer> {
    return this.ask('GET', path, ask)
  }

  post(path: string, body: unknown, ask: KubeAsk = {}): Promise<KubeAnswer> {
    return this.ask('POST', path, { ...ask, body })
  }

  patch(path: string, kind: PatchKind, body: unknown, ask: KubeAsk = {}): Promise<KubeAnswer> {
    const headers = { ...ask.headers, 'Content-Type': PATCH_TYPES[kind] }
    return this.ask('PATCH', path, { ...ask, body, headers })
  }

  delete(path: string, ask: KubeAsk = {}): Promise<KubeAnswer> {
    return this.ask('DELETE', path, ask)
  }

  /** Opens a watch; its events are there when they have come. */
  watch(path: string, ask: KubeAsk = {}): KubeWatch {
    return new KubeWatch((onResponse, onEnd) => {
      const outgoing = request(this.#options('GET', path, ask, null), (response) => {
        response.setEncoding('utf8')
        response.on('data', onResponse)
        response.on('end', onEnd)
        response.on('error', onEnd)
      })
      outgoing.on('error', onEnd)
      outgoing.end()
      return () => outgoing.destroy()
    })
  }

  /** A connection for protocols of its own, with ALPN of HTTP/1.1. */
  dial(): Promise<Duplex> {
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
    const socket = connect({
      host: this.host,
      port: this.port,
      ALPNProtocols: ['http/1.1'],
      ...this.#tls,
    })
    socket.once('secureConnect', () => resolve(socket))
    socket.once('error', reject)
    return promise
  }

  get tls(): KubeTls {
    return this.#tls
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  #options(method: string, path: string, ask: KubeAsk, text: string | null): RequestOptions {
    return {
      method,
      path,
      host: this.host,
      port: this.port,
      agent: this.#agent,
      headers: {
        ...(text === null
          ? {}
          : {
              'Content-Type': 'application/json',
              'Content-Length': String(Buffer.byteLength(text)),
            }),
        ...this.headersFor(ask),
      },
    }
  }
}

export type PatchKind = 'json' | 'merge' | 'strategic' | 'apply'
const PATCH_TYPES: Readonly<Record<PatchKind, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
}

export interface WatchEvent {
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: an object of a server, looked into by a test
  readonly object: any
}

/** The events of a watch as they come. */
export class KubeWatch implements Disposable {
  readonly events: WatchEvent[] = []
  readonly ended: Promise<void>
  readonly #stop: () => void
  readonly #waiting = new Set<() => void>()
  #rest = ''

  constructor(open: (onData: (text: string) => void, onEnd: () => void) => () => void) {
    const ended = Promise.withResolvers<void>()
    this.ended = ended.promise
    this.#stop = open(
      (text) => this.#read(text),
      () => {
        ended.resolve()
        for (const wake of this.#waiting) wake()
      },
    )
  }

  /** The first event that a test wants, whether it has come or comes later. */
  async until(wanted: (event: WatchEvent) => boolean): Promise<WatchEvent> {
    let over = false
    void this.ended.then(() => {
      over = true
    })
    for (;;) {
      const found = this.events.find(wanted)
      if (found !== undefined) return found
      if (over) throw new Error(`the watch ended: ${JSON.stringify(this.events).slice(0, 2000)}`)
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      await promise
      this.#waiting.delete(resolve)
    }
  }

  [Symbol.dispose](): void {
    this.#stop()
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') this.events.push(JSON.parse(line) as WatchEvent)
    for (const wake of this.#waiting) wake()
  }
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}
