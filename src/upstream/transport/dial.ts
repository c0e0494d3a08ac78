import { isIP, type Socket } from 'node:net'
import { checkServerIdentity, connect as connectTls, type TLSSocket } from 'node:tls'
import { errorCode, errorMessage, followSignals, tlsWords } from '../../core/index.ts'
import { connectTcp, connectThroughProxy } from '../../dial/index.ts'
import type { TlsMaterial } from '../credentials/tls-material.ts'
import { isUpstreamFailure, upstreamFailure } from '../errors.ts'
import type { UpstreamLimits } from '../limits.ts'
import type { KubeTarget } from '../target.ts'
import type { UpstreamFailure } from '../types.ts'
import type { DirectReads } from './direct-reads.ts'

export interface DialOptions {
  readonly target: KubeTarget
  readonly tls: TlsMaterial | null
  readonly alpn: readonly string[]
  readonly limits: Pick<UpstreamLimits, 'connectTimeoutMs' | 'tcpKeepAliveMs'>
  readonly signal: AbortSignal
  /** Gets what comes, where that is possible: with TLS and no proxy on the way. */
  readonly reads?: DirectReads | undefined
  /** Saves the greater part of a handshake, where the API server gives such sessions. */
  readonly resumption?: Resumption
}

/**
 * The last TLS session by each TLS material. What is resumed was proven by a handshake with the same credentials and authorities: when one of
 * these changes there is another material, and nothing to resume.
 */
export class Resumption {
  readonly #sessions = new WeakMap<TlsMaterial, Buffer>()

  of(tls: TlsMaterial | null): Buffer | undefined {
    return tls === null ? undefined : this.#sessions.get(tls)
  }

  keep(tls: TlsMaterial | null, session: Buffer): void {
    if (tls !== null) this.#sessions.set(tls, session)
  }
}

/**
 * A fresh connection to the API server, through the proxy where there is one, TLS finished and the server's certificate
 * checked. No Nagle delay; TCP keep-alive finds a silent dead peer.
 *
 * @throws UpstreamFailure UPSTREAM_UNREACHABLE, UPSTREAM_TLS, or ABORTED when `signal` aborts.
 */
export async function dial(options: DialOptions): Promise<Socket | TLSSocket> {
  const { target, tls, limits, signal } = options
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), limits.connectTimeoutMs)
  using following = followSignals([signal, timeout.signal])
  const either = following.signal
  try {
    const address = { hostname: target.hostname, port: target.port }
    const tunnel =
      target.proxyUrl === null
        ? null
        : await connectThroughProxy(
            new URL(target.proxyUrl),
            address,
            tls?.proxyContext ?? null,
            either,
          )
    const socket = target.secure
      ? await connectSecure(tunnel, options, either)
      : (tunnel ?? (await connectTcp(address, either)))
    socket.setNoDelay(true)
    socket.setKeepAlive(true, limits.tcpKeepAliveMs)
    return socket
  } catch (error) {
    if (signal.aborted) throw upstreamFailure('ABORTED', 'the connection was given up', error)
    throw describeDialError(error, options, timeout.signal.aborted)
  } finally {
    clearTimeout(timer)
  }
}

function connectSecure(
  tunnel: Socket | null,
  { target, tls, alpn, reads, resumption }: DialOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const name = target.tlsServerName ?? target.hostname
  // RFC 6066 forbids addresses as SNI; the certificate is checked against the address then.
  const servername = isIP(name) === 0 ? name : ''
  const session = resumption?.of(tls)
  const direct = reads === undefined ? {} : { onread: reads.onread }
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...(tunnel === null
        ? { host: target.hostname, port: target.port, autoSelectFamily: true, ...direct }
        : { socket: tunnel }),
      servername,
      checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
      ALPNProtocols: [...alpn],
      rejectUnauthorized: !target.insecureSkipTlsVerify,
      ...(tls === null ? {} : { secureContext: tls.secureContext }),
      ...(session === undefined ? {} : { session }),
    })
    if (resumption !== undefined) {
      socket.on('session', (given: Buffer) => resumption.keep(tls, given))
    }
    let connected = tunnel !== null
    const abort = (): void => {
      socket.destroy(new Error('no TLS connection in time'))
    }
    const done = (): void => {
      signal.removeEventListener('abort', abort)
      socket.off('error', fail)
    }
    if (tunnel === null) reads?.attach(socket)
    const fail = (error: Error): void => {
      done()
      socket.on('error', () => {})
      tunnel?.destroy()
      reject(connected ? new TlsDialError(error) : error)
    }
    socket.once('connect', () => {
      connected = true
    })
    socket.once('secureConnect', () => {
      done()
      resolve(socket)
    })
    socket.on('error', fail)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
  })
}

/** The handshake failed, whatever the reason: told apart from errors of the TCP connection below it. */
class TlsDialError extends Error {
  override readonly name: string = 'TlsDialError'

  constructor(cause: Error) {
    super(errorMessage(cause), { cause })
  }
}

const networkCodes = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'])

function describeDialError(
  error: unknown,
  { target, limits }: DialOptions,
  timedOut: boolean,
): UpstreamFailure & Error {
  const where = `the API server of cluster ${target.name}`
  if (timedOut) {
    return upstreamFailure(
      'UPSTREAM_UNREACHABLE',
      `cannot reach ${where}: no connection to ${target.host} within ${limits.connectTimeoutMs / 1000} s`,
      error,
    )
  }
  if (isUpstreamFailure(error)) return error
  const code = error instanceof TlsDialError ? errorCode(error.cause) : errorCode(error)
  const tls = error instanceof TlsDialError && (code === null || !networkCodes.has(code))
  return tls
    ? upstreamFailure('UPSTREAM_TLS', `TLS with ${where} failed: ${tlsWords(error)}`, error.cause)
    : upstreamFailure(
        'UPSTREAM_UNREACHABLE',
        `cannot reach ${where}: ${errorMessage(error)}`,
        error,
      )
}
