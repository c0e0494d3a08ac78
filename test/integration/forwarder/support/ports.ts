import {
  AuditError,
  type AuditEvent,
  type EncodedAuditLog,
  type EncodedEvent,
  type GenericEvent,
  type KubeRequestEvent,
} from '../../../../src/audit/index.ts'
import { type Lock, lockTable, type Subject } from '../../../../src/authz/index.ts'
import type { Clock, LogFields, Logger } from '../../../../src/core/index.ts'
import type { AccessSnapshot, AccessSnapshots } from '../../../../src/forwarder/index.ts'
import { type RoleSpec, roleOf, subjectOf } from '../../../support/roles.ts'

/** An audit log in memory that refuses or delays events on command. */
export class TestAudit implements EncodedAuditLog {
  readonly events: KubeRequestEvent[] = []
  /** `client.disconnect` events. */
  readonly cuts: AuditEvent[] = []
  /** `port` events. */
  readonly ports: AuditEvent[] = []
  refuses: (event: KubeRequestEvent) => boolean = () => false
  refusesPorts = false
  /** Events of sessions. */
  readonly sessions: GenericEvent[] = []
  refusesSessions = false
  /** An event is with the operating system when this has resolved. */
  hold: (event: KubeRequestEvent) => Promise<void> | null = () => null

  appendEncoded({ json }: EncodedEvent): Promise<void> {
    return this.append(JSON.parse(json.toString('utf8')) as AuditEvent)
  }

  async append(event: AuditEvent): Promise<void> {
    if (event.event === 'client.disconnect') {
      this.cuts.push(event)
      return
    }
    if (event.event === 'port') {
      if (this.refusesPorts) throw new AuditError('SPOOL_FULL', 'no space left on the device')
      this.ports.push(event)
      return
    }
    if (event.event !== 'kube.request') {
      if (this.refusesSessions) throw new AuditError('SPOOL_FULL', 'no space left on the device')
      this.sessions.push(event as GenericEvent)
      return
    }
    const request = event as KubeRequestEvent
    await this.hold(request)
    if (this.refuses(request)) throw new AuditError('SPOOL_FULL', 'no space left on the device')
    this.events.push(request)
  }

  /** What the store would hold about requests of a path: the last event of each uid. */
  of(path: string): KubeRequestEvent[] {
    const last = new Map<string, KubeRequestEvent>()
    for (const event of this.events) {
      if (event.request_path === path) last.set(event.uid, event)
    }
    return [...last.values()]
  }
}

/** Roles and locks that a test changes. */
export class TestAccess implements AccessSnapshots {
  /** How old what is known of locks is. */
  locksAge = 0
  /** Since when nothing was heard, when that is too long. */
  tooOldSince: number | null = null
  readonly #listeners = new Set<() => void>()
  #spec: RoleSpec | null
  #locks: readonly Lock[] = []
  #snapshot: AccessSnapshot

  constructor(spec: RoleSpec) {
    this.#spec = spec
    this.#snapshot = snapshotOf(1, spec, [])
  }

  /** Null: the user is deleted. */
  change(spec: RoleSpec | null): void {
    this.#spec = spec
    this.#publish()
  }

  lock(...locks: readonly Partial<Lock>[]): void {
    const none = {
      name: 'l1',
      user: null,
      role: null,
      serverId: null,
      message: '',
      expiresAtMs: null,
    }
    this.#locks = locks.map((lock) => ({ ...none, ...lock }))
    this.#publish()
  }

  current(): AccessSnapshot {
    return this.#snapshot
  }

  locksAgeMs(): number {
    return this.locksAge
  }

  tooOldSinceMs(): number | null {
    return this.tooOldSince
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #publish(): void {
    this.#snapshot = snapshotOf(this.#snapshot.revision + 1, this.#spec, this.#locks)
    for (const listener of this.#listeners) listener()
  }
}

function snapshotOf(
  revision: number,
  spec: RoleSpec | null,
  locks: readonly Lock[],
): AccessSnapshot {
  const roles = spec === null ? [] : [roleOf('dev', spec)]
  const table = lockTable(locks)
  return {
    revision,
    subject: ({ user }): Subject | null => (spec === null ? null : subjectOf(roles, {}, user)),
    lockOf: ({ user, roles: certified }, nowMs) => table.inForce(user, certified, nowMs),
  }
}

/** The machine's clock, and as far ahead as a test says. */
export class TestClock implements Clock {
  #aheadMs = 0

  now(): number {
    return Date.now() + this.#aheadMs
  }

  advance(ms: number): void {
    this.#aheadMs += ms
  }
}

/** Remembers what was said at `error`, defects of ours, and at `warn`. */
export class TestLog implements Logger {
  readonly errors: string[] = []
  readonly warnings: string[] = []

  debug(): void {}
  info(): void {}

  warn(_fields: LogFields, message: string): void {
    this.warnings.push(message)
  }

  error(fields: LogFields, message: string): void {
    this.errors.push(`${message}: ${JSON.stringify(fields)}`)
  }

  child(): Logger {
    return this
  }
}
