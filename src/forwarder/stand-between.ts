import type { Duplex } from 'node:stream'
import { followSignals } from '../core/index.ts'
import type { AllowedRequest } from './allowed-request.ts'
import { ambiguousQuery, isAmbiguousQuery } from './ambiguous-query.ts'
import { ask, type RefusedUpgrade } from './ask-upgrade.ts'
import { askWebSocket } from './ask-websocket.ts'
import { commitEvent } from './audit-request.ts'
import { handshakeProblem, withoutUpgrade } from './command-protocol.ts'
import type { HandlerDeps } from './deps.ts'
import type { UpgradeRequest } from './exchange.ts'
import type { UpgradeConnection } from './ports.ts'
import { headerOf } from './raw-headers.ts'
import { notAccepted, type Refusal } from './refusal.ts'
import type { RememberedServers } from './remembered-servers.ts'
import type { SessionPlace } from './session/live-sessions.ts'
import { sessionShareFull, sessionsFull, tooManySessions } from './session/refusals.ts'
import type { SessionEnding } from './session/session-events.ts'
import { fail, failureOf, refuseHere, relay, WaitingUpgrade } from './waiting-upgrade.ts'

export const SPDY = 'SPDY/3.1'

/** The answer to a client that asked for SPDY; `version` is the `X-Stream-Protocol-Version` that it gets. */
export const switchedToSpdy = (version: string): string =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${SPDY}\r\nX-Stream-Protocol-Version: ${version}\r\n\r\n`

/** What is asked of an API server: a WebSocket first, SPDY where that is refused (KEP-4006). */
export interface AskedServer {
  readonly target: string
  /** Of the WebSocket. */
  readonly subprotocol: string
  /** `X-Stream-Protocol-Version` of SPDY. */
  readonly spdyVersion: string
  /** For whom it is asked for SPDY at once. */
  readonly remembered: RememberedServers
}

/** A connection to an API server that has switched protocols. */
export interface Standing {
  readonly kind: 'websocket' | 'spdy'
  readonly connection: Duplex
  /** What came behind its answer. */
  readonly head: Buffer
}

/** What begins when the API server has switched protocols; all that must be written before that is. */
export interface Beginning {
  /** Why it may not begin any more: nobody is asked then, and who was asked is left. */
  readonly cut: { readonly signal: AbortSignal; refusal(): Refusal | null } | null
  run(standing: Standing): void
  /** It does not begin: the API server said no (`refused`), was lost, or the client left, or lost its rights, while it was asked. */
  abandon(reason: SessionEnding): void
}

/**
 * Reaches the API server for a client that waits, and hands over what stands, or tells the client why nothing does. With the 101 a
 * command runs: what is to be known of it beforehand is written by `begin`, before anybody is asked. A connection
 * whose upgrade was refused is closed. The place is the beginning's when it runs.
 */
export async function standBetween(
  deps: HandlerDeps,
  request: AllowedRequest,
  wanted: UpgradeRequest,
  asked: AskedServer,
  begin: (place: SessionPlace) => Promise<Beginning | Refusal>,
): Promise<void> {
  if (isAmbiguousQuery(request.target)) {
    await refuseHere(deps, request, ambiguousQuery)
    return
  }
  const problem = handshakeProblem(wanted.protocol, request.exchange.rawHeaders)
  if (problem !== null) {
    await refuseHere(deps, request, problem)
    return
  }
  const place = deps.sessions.enter(request.user)
  const waiting = new WaitingUpgrade(request, wanted.socket)
  const leave = deps.live.enter(waiting)
  let begun: Beginning | null = null
  let cut: Beginning['cut'] = null
  const abandon = (reason: SessionEnding): void => {
    begun?.abandon(waiting.left ? 'client' : waiting.withdrawn === null ? reason : 'terminated')
    begun = null
  }
  const giveUp = async (reason: SessionEnding, error: unknown): Promise<void> => {
    const lost = cut?.refusal() ?? null
    abandon(lost === null ? reason : 'terminated')
    if (lost !== null && !waiting.left) await refuseHere(deps, request, lost)
    else await fail(deps, request, waiting, failureOf(error))
  }
  let isRunning = false
  try {
    const refusal = (await refuseOneMore(deps, request, place)) ?? (await begin(place))
    if ('code' in refusal) {
      await refuseHere(deps, request, refusal)
      return
    }
    begun = refusal
    cut = refusal.cut
    using following = followSignals([
      waiting.signal,
      ...(cut === null ? [] : [cut.signal]),
      AbortSignal.timeout(deps.limits.upgradeTimeoutMs),
    ])
    const { signal } = following
    signal.throwIfAborted()
    const reached = await reach(deps, request, asked, signal)
    if (reached.kind === 'refused') {
      abandon('refused')
      if (reached.answer.status === 401) {
        reached.dialled.refused()
        await fail(deps, request, waiting, notAccepted)
      } else await relay(deps, request, reached.answer)
    } else if (waiting.left || waiting.withdrawn !== null || cut?.refusal() != null) {
      reached.connection.destroy()
      await giveUp('terminated', new Error('rights were withdrawn'))
    } else {
      // Later, an end in one direction is a part of the stream.
      waiting.over()
      isRunning = true
      refusal.run(reached)
    }
  } catch (error) {
    await giveUp('lost', error)
  } finally {
    waiting.over()
    leave()
    if (!isRunning) place.leave()
  }
}

/** Why there can be no more sessions: as many as the service carries, of all or of one, or as the person may have (`max_kubernetes_connections`). */
async function refuseOneMore(
  deps: HandlerDeps,
  request: AllowedRequest,
  place: SessionPlace,
): Promise<Refusal | null> {
  const refused = await oneMore(deps, request, place)
  if (refused === null) return null
  const { max, refusal } = refused
  await commitEvent(deps, {
    ...request.events.about('session.rejected', deps.clock.now()),
    reason: refusal.message,
    max,
  })
  return refusal
}

/** Null: it may begin. */
async function oneMore(
  deps: HandlerDeps,
  { user, options }: AllowedRequest,
  place: SessionPlace,
): Promise<{ readonly max: number; readonly refusal: Refusal } | null> {
  const { maxSessions, maxSessionsPerUser } = deps.limits
  if (place.othersOfAll >= maxSessions) {
    return { max: maxSessions, refusal: sessionsFull(maxSessions) }
  }
  if (place.others >= maxSessionsPerUser) {
    return { max: maxSessionsPerUser, refusal: sessionShareFull(maxSessionsPerUser) }
  }
  const own = options.maxKubernetesConnections
  if (own === null || (await isAllowed(deps, user, own, place))) return null
  return { max: own, refusal: tooManySessions(own) }
}

async function isAllowed(
  { leases }: HandlerDeps,
  user: string,
  max: number,
  { sessionId, others: here }: SessionPlace,
): Promise<boolean> {
  return here < max && (leases === null || (await leases.acquire({ sessionId, user, max, here })))
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
  const { principals, connection } = request
  const { cluster } = connection
  const { target, subprotocol, spdyVersion, remembered } = asked
  const { limits } = deps
  const headers = withoutUpgrade(request.headers)
  const isOld = remembered.speaksSpdy(cluster.name, principals, deps.clock.now())
  if (!isOld) {
    const dialled = await cluster.upstream.dialForUpgrade(signal)
    const upgrade = { target, headers, protocol: subprotocol }
    const answer = await askWebSocket(dialled, upgrade, limits, signal)
    if (answer.type === 'switched') {
      return { kind: 'websocket', connection: answer.socket, head: answer.head }
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
  if (!isOld) remembered.remember(cluster.name, principals, deps.clock.now())
  return { kind: 'spdy', connection: answer.socket, head: answer.head }
}
