import { errorMessage, formatAddress } from '../../core/index.ts'
import { parseExitStatus, type TerminalSize } from '../../protocol/index.ts'
import type { SessionFacts } from '../../recording/index.ts'
import type { AllowedRequest } from '../allowed-request.ts'
import { auditRefusal, commitEvent } from '../audit-request.ts'
import type { HandlerDeps } from '../deps.ts'
import { LastSize } from '../last-size.ts'
import type { PodFacts, SessionRecord } from '../ports.ts'
import type { Refusal } from '../refusal.ts'
import type { EndedBy, LiveSession, SessionPlace } from './live-sessions.ts'
import {
  commandTooLong,
  recordingLost,
  recordingUnavailable,
  sessionEnded,
  tooManyLongCommands,
} from './refusals.ts'
import {
  commandBytes,
  execEvent,
  MAX_COMMAND_BYTES,
  type SessionEnding,
  SessionEvents,
} from './session-events.ts'
import { commandOf, sessionTarget } from './session-target.ts'

/** What is known of a session before its API server is asked for it. */
export interface SessionBeginning {
  readonly kind: 'exec' | 'attach'
  /** What the client speaks. */
  readonly protocol: string
  readonly tty: boolean
  readonly pod: PodFacts | null
}

/** What a session asks of whoever carries its bytes. */
export interface SessionCarrier {
  /** Ends it, in words. */
  cutFor(refusal: Refusal): void
  /** The record takes more again, after a call said false. */
  drain(): void
}

/** Between events of a terminal's size; the record has more of them. */
const RESIZE_EVENT_MS = 1_000

/**
 * An exec or attach as a thing of its own: it has an id, is listed, leaves its events in the audit log, and what goes through is recorded. It moves
 * no bytes; whoever does (command.ts) shows them here.
 */
export class Session {
  readonly #deps: HandlerDeps
  readonly #events: SessionEvents
  readonly #live: LiveSession
  readonly #place: SessionPlace
  readonly #carrier: SessionCarrier
  #record: SessionRecord | null
  #size: TerminalSize | null = null
  readonly #sizes = new LastSize(RESIZE_EVENT_MS, (size) => this.#tellSize(size))
  #isOver = false

  private constructor(
    deps: HandlerDeps,
    events: SessionEvents,
    live: LiveSession,
    place: SessionPlace,
    carrier: SessionCarrier,
    record: SessionRecord | null,
  ) {
    this.#deps = deps
    this.#events = events
    this.#live = live
    this.#place = place
    this.#carrier = carrier
    this.#record = record
  }

  /**
   * Begins it: its record, and its event in the audit log, with the whole of its command, before an API server hears of it. A refusal when one
   * of them must be and cannot.
   */
  static async begin(
    deps: HandlerDeps,
    request: AllowedRequest,
    place: SessionPlace,
    beginning: SessionBeginning,
    carrier: SessionCarrier,
  ): Promise<Session | Refusal> {
    const { connection, user, options, events: requestEvents } = request
    const { kind, protocol, tty } = beginning
    const startedMs = deps.clock.now()
    const { address, port } = connection.origin
    const about = {
      ...{ sessionId: place.sessionId, kind, user, protocol, tty, startedMs },
      kubeCluster: connection.cluster.name,
      ...sessionTarget(request.info, request.target, beginning.pod),
      command: commandOf(request.target),
    }
    const bytes = commandBytes(about.command)
    if (bytes > MAX_COMMAND_BYTES) return commandTooLong
    if (!deps.longCommands.takes(user, bytes, startedMs)) return tooManyLongCommands
    const policy = deps.recorder?.policy() ?? { records: false, strict: false }
    const isStrict = policy.strict || options.recordSession === 'strict'
    if (isStrict && !policy.records) return recordingUnavailable
    let session: Session | null = null
    /** Before there is a session, too: a record may fail as it begins. */
    let failed: Error | null = null
    const record = !policy.records
      ? null
      : await recordOf(deps, request, about, {
          keepStdin: options.recordStdin,
          onFailed: (error) => {
            failed = error
            session?.lose(error, isStrict)
          },
          onDrain: () => carrier.drain(),
        })
    const events = new SessionEvents(requestEvents, about, policy)
    if (record instanceof Error) {
      deps.log.error(
        { error: record.message, sid: about.sessionId },
        'a session cannot be recorded',
      )
      if (isStrict) return recordingUnavailable
    }
    const kept = record instanceof Error ? null : record
    const live: LiveSession = {
      ...about,
      address: formatAddress(address, port),
      recording: kept !== null,
    }
    if (!(await commitEvent(deps, events.started(live, startedMs)))) {
      kept?.discard()
      return auditRefusal
    }
    session = new Session(deps, events, live, place, carrier, kept)
    if (record instanceof Error) void commitEvent(deps, events.gap(record.message, startedMs))
    if (failed !== null) session.lose(failed, false)
    if (failed !== null && isStrict) {
      session.end({ status: null, reason: 'refused', bytesSent: 0, bytesReceived: 0 })
      return recordingUnavailable
    }
    return session
  }

  /** The API server has let it begin: it is listed, and can be ended. */
  runs(): void {
    this.#place.start(this.#live, (by: EndedBy) => this.#carrier.cutFor(sessionEnded(by)))
  }

  /** What the client sends. False: read no more before `drain`. */
  input(data: Buffer): boolean {
    return this.#record?.data('stdin', data) ?? true
  }

  /** What the client gets. False: read no more before `drain`. */
  output(stream: 'stdout' | 'stderr', data: Buffer): boolean {
    return this.#record?.data(stream, data) ?? true
  }

  resize(size: TerminalSize): void {
    this.#record?.resize(size)
    this.#size = size
    this.#sizes.push(size)
  }

  /** It is over, or does not begin. `status` is what the API server said of the command's end, if it did. */
  end(how: {
    readonly status: string | null
    readonly reason: SessionEnding
    readonly bytesSent: number
    readonly bytesReceived: number
  }): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#place.leave()
    const untold = this.#sizes.stop()
    if (untold !== null) this.#tellSize(untold)
    const deps = this.#deps
    const nowMs = deps.clock.now()
    const record = this.#record
    const recorded = how.reason === 'refused' ? (record?.discard() ?? false) : record !== null
    const exit = how.status === null ? null : parseExitStatus(how.status)
    const exitCode = exit?.kind === 'exited' ? exit.exitCode : null
    const outcome = {
      exitCode,
      exitError: exit?.kind === 'failed' ? exit.message : null,
      reason: how.reason,
      bytesSent: how.bytesSent,
      bytesReceived: how.bytesReceived,
      size: this.#size,
      recorded,
    }
    if (this.#live.kind === 'exec') {
      void commitEvent(deps, execEvent(this.#events, this.#live, outcome, nowMs))
    }
    void commitEvent(deps, this.#events.data(outcome, nowMs))
    void commitEvent(deps, this.#events.ended(this.#live, outcome, nowMs))
    if (how.reason === 'refused') return
    void record?.end({ exitCode, reason: how.reason }).catch((error: unknown) => {
      this.lose(error instanceof Error ? error : new Error(errorMessage(error)), false)
    })
  }

  /** The record cannot go on. */
  lose(error: Error, isStrict: boolean): void {
    const { sessionId } = this.#live
    this.#record = null
    this.#deps.log.error(
      { error: error.message, sid: sessionId },
      'a record of a session broke off',
    )
    void commitEvent(this.#deps, this.#events.gap(error.message, this.#deps.clock.now()))
    if (isStrict && !this.#isOver) this.#carrier.cutFor(recordingLost)
    // What it held back goes on.
    else this.#carrier.drain()
  }

  #tellSize(size: TerminalSize): void {
    void commitEvent(this.#deps, this.#events.resized(size, this.#deps.clock.now()))
  }
}

/** The record, or why there is none. */
async function recordOf(
  deps: HandlerDeps,
  request: AllowedRequest,
  about: Omit<LiveSession, 'address' | 'recording' | 'kind'> & { readonly kind: 'exec' | 'attach' },
  options: Parameters<NonNullable<HandlerDeps['recorder']>['begin']>[1],
): Promise<SessionRecord | null | Error> {
  const facts: SessionFacts = {
    ...about,
    roles: request.events.roles,
    teleportCluster: deps.clusterName,
    serverId: deps.hostId,
  }
  try {
    return (await deps.recorder?.begin(facts, options)) ?? null
  } catch (error) {
    return error instanceof Error ? error : new Error(errorMessage(error))
  }
}
