import { eventTime, FAILED_EXEC_CODE, type GenericEvent } from '../../audit/index.ts'
import type { TerminalSize } from '../../protocol/index.ts'
import type { RequestEvents } from '../event.ts'
import type { RecordingPolicy } from '../ports.ts'
import type { LiveSession } from './live-sessions.ts'

/** Why a session was over; recordings say the same. */
export type SessionEnding =
  /** The process ended, and the API server said how. */
  | 'exited'
  /** The client left. */
  | 'client'
  /** The certificate ended. */
  | 'expired'
  /** Nobody was at the client's end. */
  | 'idle'
  /** Somebody ended it, rights were withdrawn, or the service was stopped. */
  | 'terminated'
  /** The API server, the node or the pod was lost. */
  | 'lost'
  /** The API server did not let it begin. */
  | 'refused'

export interface SessionOutcome {
  readonly exitCode: number | null
  readonly exitError: string | null
  readonly reason: SessionEnding
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly size: TerminalSize | null
  readonly recorded: boolean
}

type About = Pick<
  LiveSession,
  'sessionId' | 'namespace' | 'pod' | 'container' | 'node' | 'image' | 'protocol' | 'startedMs'
>

/** A command may be a whole program. `session.start` has all of it, as nothing may hide behind a length; the events that follow have its beginning. */
const MAX_COMMAND_CHARS = 4096
/** What fits into an event of MAX_EVENT_BYTES with everything else, however it is escaped. Linux takes no more than 128 KiB in one word. */
export const MAX_COMMAND_BYTES = 512 * 1024

/** As its event has it, about. */
export const commandBytes = (command: readonly string[]): number =>
  Buffer.byteLength(JSON.stringify(command))

/** The events of one session: they share its `sid`, and what the request's own events say of the person and the cluster. */
export class SessionEvents {
  readonly #request: RequestEvents
  readonly #about: About
  readonly #recording: string

  constructor(request: RequestEvents, about: About, policy: RecordingPolicy) {
    this.#request = request
    this.#about = about
    this.#recording = !policy.records ? 'off' : policy.strict ? 'node-sync' : 'node'
  }

  started(live: Pick<LiveSession, 'command' | 'tty' | 'recording'>, nowMs: number): GenericEvent {
    return this.of('session.start', nowMs, {
      initial_command: live.command.join(' '),
      interactive: live.tty,
      session_recording: this.#recording,
      recorded: live.recording,
      session_start: eventTime(this.#about.startedMs),
    })
  }

  resized({ width, height }: TerminalSize, nowMs: number): GenericEvent {
    return this.of('resize', nowMs, { size: `${width}:${height}` })
  }

  /** What is missing in the record, and why. */
  gap(error: string, nowMs: number): GenericEvent {
    return this.of('session.recording.gap', nowMs, { error })
  }

  /** `tx` went to the client, `rx` came from it. */
  data({ bytesSent, bytesReceived }: SessionOutcome, nowMs: number): GenericEvent {
    return this.of('session.data', nowMs, { tx: bytesSent, rx: bytesReceived })
  }

  ended(
    live: Pick<LiveSession, 'command' | 'tty' | 'user'>,
    outcome: SessionOutcome,
    nowMs: number,
  ): GenericEvent {
    const { size } = outcome
    return this.of('session.end', nowMs, {
      initial_command: cut(live.command),
      interactive: live.tty,
      participants: [live.user],
      session_start: eventTime(this.#about.startedMs),
      session_stop: eventTime(nowMs),
      session_recording: this.#recording,
      recorded: outcome.recorded,
      reason: outcome.reason,
      ...(outcome.exitCode === null ? {} : { exit_code: outcome.exitCode }),
      ...(size === null ? {} : { size: `${size.width}:${size.height}` }),
      tx: outcome.bytesSent,
      rx: outcome.bytesReceived,
    })
  }

  of(
    event: Parameters<RequestEvents['about']>[0],
    nowMs: number,
    fields: Readonly<Record<string, unknown>>,
  ): GenericEvent {
    const { sessionId, namespace, pod, container, node, image, protocol } = this.#about
    return {
      ...this.#request.about(event, nowMs),
      sid: sessionId,
      kubernetes_pod_namespace: namespace,
      kubernetes_pod_name: pod,
      kubernetes_container_name: container,
      kubernetes_container_image: image,
      kubernetes_node_name: node,
      protocol,
      ...fields,
    }
  }
}

/** What ran, and how it ended. */
export function execEvent(
  events: SessionEvents,
  live: Pick<LiveSession, 'command' | 'tty'>,
  { exitCode, exitError, reason }: SessionOutcome,
  nowMs: number,
): GenericEvent {
  const failure = exitError ?? (exitCode === null ? `not known: ${reason}` : null)
  return {
    ...events.of('exec', nowMs, {
      command: cut(live.command),
      interactive: live.tty,
      exitCode: exitCode === null ? '' : String(exitCode),
      ...(failure === null ? {} : { exitError: failure }),
    }),
    ...(exitCode === 0 ? {} : { code: FAILED_EXEC_CODE }),
  }
}

function cut(command: readonly string[]): string {
  const text = command.join(' ')
  return text.length <= MAX_COMMAND_CHARS ? text : `${text.slice(0, MAX_COMMAND_CHARS)}…`
}
