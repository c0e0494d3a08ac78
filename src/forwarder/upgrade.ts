import type { Duplex } from 'node:stream'
import { followSignals } from '../core/index.ts'
import { type ActivityMeter, activityMeter } from '../protocol/index.ts'
import { hearOut } from '../streams/index.ts'
import type { AllowedRequest } from './allowed-request.ts'
import { ask, type UpgradeAnswer } from './ask-upgrade.ts'
import type { HandlerDeps } from './deps.ts'
import type { UpgradeRequest } from './exchange.ts'
import { LiveUpgrade } from './live-upgrade.ts'
import { headerOf } from './raw-headers.ts'
import { isProxied, notAccepted, upstreamRefusal } from './refusal.ts'
import { fail, failureOf, relay, WaitingUpgrade } from './waiting-upgrade.ts'

/**
 * Carries an upgrade that is no command (command.ts) to the API server on a connection of its own, and moves bytes both
 * ways once the server has switched protocols. Whatever else the server answers is relayed whole and both connections
 * are closed: a connection that was meant for an upgrade is never used for anything else (CVE-2018-1002105).
 */
export async function upgrade(
  deps: HandlerDeps,
  request: AllowedRequest,
  wanted: UpgradeRequest,
): Promise<void> {
  const waiting = new WaitingUpgrade(request, wanted.socket)
  const leave = deps.live.enter(waiting)
  try {
    using following = followSignals([
      waiting.signal,
      AbortSignal.timeout(deps.limits.upgradeTimeoutMs),
    ])
    const { signal } = following
    const dialled = await request.connection.cluster.upstream.dialForUpgrade(signal)
    const { method } = request.exchange
    const { target, headers } = request
    const asked = { method, target, headers, protocol: wanted.protocol }
    const answer = await ask(dialled, asked, deps.limits, signal)
    if (answer.type === 'switched' && waiting.withdrawn !== null) {
      // Between the answer and now; nobody tells the stream what it did not hear.
      answer.socket.destroy()
      await fail(deps, request, waiting, failureOf(new Error('rights were withdrawn')))
    } else if (answer.type === 'refused' && answer.status === 401 && !isProxied(request.info)) {
      dialled.refused()
      await fail(deps, request, waiting, notAccepted)
    } else if (answer.type === 'refused') await relay(deps, request, answer)
    else new UpgradedStream(deps, request, wanted, answer).start()
  } catch (error) {
    await fail(deps, request, waiting, failureOf(error))
  } finally {
    waiting.over()
    leave()
  }
}

/** Both directions of a switched connection, until both are done, or until the person's rights end. */
class UpgradedStream extends LiveUpgrade {
  readonly #client: Duplex
  readonly #server: Duplex
  readonly #clientHead: Buffer
  readonly #answer: Extract<UpgradeAnswer, { type: 'switched' }>
  readonly #meter: ActivityMeter

  constructor(
    deps: HandlerDeps,
    request: AllowedRequest,
    wanted: UpgradeRequest,
    answer: Extract<UpgradeAnswer, { type: 'switched' }>,
  ) {
    super(deps, request)
    this.#client = wanted.socket
    this.#clientHead = wanted.head
    this.#server = answer.socket
    this.#answer = answer
    const subprotocol = headerOf(answer.rawHeaders, 'sec-websocket-protocol')
    this.#meter = activityMeter(wanted.protocol, subprotocol)
  }

  start(): void {
    const client = this.#client
    const server = this.#server
    this.enter()
    hearOut(server)
    // Not the end of what the client gets: an API server that closes while the client still sends (a SPDY client answers
    // the end of each stream) resets the connection, after all that it had to say.
    server.on('error', (error) => {
      this.broken ??= upstreamRefusal(failureOf(error), this.request.connection.cluster.name)
    })
    client.on('error', () => server.destroy())
    if (client.destroyed) {
      server.destroy()
      this.finish()
      return
    }
    client.write(this.#head())
    if (this.#answer.head.length > 0) this.#down(this.#answer.head)
    if (this.#clientHead.length > 0) {
      this.#arrived(this.#clientHead)
      server.write(this.#clientHead)
    }
    client.on('data', (chunk: Buffer) => this.#arrived(chunk))
    server.on('data', (chunk: Buffer) => {
      this.bytesSent += chunk.length
    })
    client.pipe(server)
    server.pipe(client)
    client.once('close', () => {
      server.destroy()
      this.finish()
    })
    server.once('close', () => {
      // The client still gets what has arrived; after that there is nothing to wait for.
      if (this.withdrawn === null) this.#drain()
      if (!client.writableEnded) client.end()
      // Unread, its own end would never be noticed.
      client.resume()
      if (client.writableFinished) this.#linger()
      else client.once('finish', () => this.#linger())
      this.finish()
    })
  }

  protected end(): void {
    this.#client.destroy()
  }

  #arrived(chunk: Buffer): void {
    this.bytesReceived += chunk.length
    if (this.#meter.push(chunk)) this.heard()
  }

  /** What was read and waits for a slow client; `data` tells of none of it any more. */
  #drain(): void {
    for (;;) {
      const chunk = this.#server.read() as Buffer | null
      if (chunk === null || this.#client.writableEnded || this.#client.destroyed) return
      this.#down(chunk)
    }
  }

  /** Of a client that has got everything and does not close. */
  #linger(): void {
    const timer = setTimeout(() => this.#client.destroy(), LINGER_MS)
    this.#client.once('close', () => clearTimeout(timer))
  }

  #down(chunk: Buffer): void {
    this.bytesSent += chunk.length
    this.#client.write(chunk)
  }

  /** The server's own answer: its headers negotiate (Sec-WebSocket-Accept, X-Stream-Protocol-Version). */
  #head(): Buffer {
    const { rawHeaders } = this.#answer
    let text = 'HTTP/1.1 101 Switching Protocols\r\n'
    for (let index = 0; index < rawHeaders.length; index += 2) {
      text += `${rawHeaders[index] ?? ''}: ${rawHeaders[index + 1] ?? ''}\r\n`
    }
    return Buffer.from(`${text}\r\n`, 'latin1')
  }
}

const LINGER_MS = 2000
