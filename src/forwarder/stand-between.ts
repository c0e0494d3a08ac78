import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { AllowedRequest } from './allowed-request.ts'
import { ask, type RefusedUpgrade } from './ask-upgrade.ts'
import { askWebSocket } from './ask-websocket.ts'
import { withoutUpgrade } from './command-protocol.ts'
import type { HandlerDeps } from './deps.ts'
import type { UpgradeRequest } from './exchange.ts'
import type { UpgradeConnection } from './ports.ts'
import { headerOf } from './raw-headers.ts'
import { notAccepted } from './refusal.ts'
import type { RememberedServers } from './remembered-servers.ts'
import { fail, failureOf, relay, WaitingUpgrade } from './waiting-upgrade.ts'

export const SPDY = 'SPDY/3.1'

/** What is asked of an API server: a WebSocket first, SPDY where that is refused (KEP-4006). */
export interface AskedServer {
  readonly target: string
  /** Of the WebSocket. */
  readonly subprotocol: string
  /** `X-Stream-Protocol-Version` of SPDY. */
  readonly spdyVersion: string
  /** Who is asked for SPDY at once. */
  readonly remembered: RememberedServers
}

/** A connection to an API server that has switched protocols. */
export type Standing =
  | { readonly kind: 'websocket'; readonly socket: WebSocket; readonly connection: Duplex }
  | { readonly kind: 'spdy'; readonly connection: Duplex; readonly head: Buffer }

/**
 * Reaches the API server for a client that waits, and hands over what stands, or tells the client why nothing does. A connection
 * whose upgrade was refused is closed.
 */
export async function standBetween(
  deps: HandlerDeps,
  request: AllowedRequest,
  wanted: UpgradeRequest,
  asked: AskedServer,
  start: (standing: Standing) => void,
): Promise<void> {
  const waiting = new WaitingUpgrade(request, wanted.socket)
  const leave = deps.live.enter(waiting)
  try {
    const signal = AbortSignal.any([
      waiting.signal,
      AbortSignal.timeout(deps.limits.upgradeTimeoutMs),
    ])
    const reached = await reach(deps, request, asked, signal)
    if (reached.kind === 'refused' && reached.answer.status === 401) {
      reached.dialled.refused()
      await fail(deps, request, waiting, notAccepted)
    } else if (reached.kind === 'refused') {
      await relay(deps, request, reached.answer)
    } else if (waiting.withdrawn !== null) {
      reached.connection.destroy()
      await fail(deps, request, waiting, failureOf(new Error('rights were withdrawn')))
    } else {
      // Later, an end in one direction is a part of the stream.
      waiting.over()
      start(reached)
    }
  } catch (error) {
    await fail(deps, request, waiting, failureOf(error))
  } finally {
    waiting.over()
    leave()
  }
}

type Reached =
  | Standing
  | {
      readonly kind: 'refused'
      readonly answer: RefusedUpgrade
      readonly dialled: UpgradeConnection
    }

/** What servers say who know no WebSocket here, or not this version; a 403 may as well mean the person. */
const MAY_SPEAK_SPDY: ReadonlySet<number> = new Set([400, 403, 404, 405, 426, 500])

/** Rejects with an UpstreamFailure, or with what broke. */
async function reach(
  deps: HandlerDeps,
  request: AllowedRequest,
  asked: AskedServer,
  signal: AbortSignal,
): Promise<Reached> {
  const { user, connection } = request
  const { cluster } = connection
  const { target, subprotocol, spdyVersion, remembered } = asked
  const { limits } = deps
  const headers = withoutUpgrade(request.headers)
  const isOld = remembered.speaksSpdy(cluster.name, user, deps.clock.now())
  if (!isOld) {
    const dialled = await cluster.upstream.dialForUpgrade(signal)
    const upgrade = { target, headers, protocol: subprotocol }
    const answer = await askWebSocket(dialled, upgrade, limits, signal)
    if (answer.type === 'standing') {
      return { kind: 'websocket', socket: answer.socket, connection: dialled.socket }
    }
    if (!MAY_SPEAK_SPDY.has(answer.status)) return { kind: 'refused', answer, dialled }
  }
  const dialled = await cluster.upstream.dialForUpgrade(signal)
  const asking = ['Connection', 'Upgrade', 'Upgrade', SPDY]
  const version = ['X-Stream-Protocol-Version', spdyVersion]
  const upgrade = { method: 'POST', target, headers: [...headers, ...asking, ...version] }
  const answer = await ask(dialled, { ...upgrade, protocol: SPDY }, limits, signal)
  if (answer.type === 'refused') return { kind: 'refused', answer, dialled }
  const spoken = headerOf(answer.rawHeaders, 'x-stream-protocol-version')
  if (spoken !== spdyVersion) {
    answer.socket.destroy()
    throw new Error(`the API server speaks ${JSON.stringify(spoken)} and not ${spdyVersion}`)
  }
  if (!isOld) remembered.remember(cluster.name, user, deps.clock.now())
  return { kind: 'spdy', connection: answer.socket, head: answer.head }
}
