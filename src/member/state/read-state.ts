import { createHash } from 'node:crypto'
import {
  type AccessView,
  accessView,
  lockFrom,
  type Role,
  storedRole,
  type UserRecord,
} from '../../authz/index.ts'
import {
  type TrustBundle,
  type TrustedAuthority,
  trustedAuthority,
  verifyStatement,
} from '../../ca/index.ts'
import {
  MEMBER_STATE_CONTEXT,
  type MemberState,
  type MemberStatement,
} from '../../contract/index.ts'
import { defaultRecordingSettings, type RecordingSettings } from '../../recordings/index.ts'
import { SnapshotError } from './errors.ts'
import { CLOCK_SKEW_MS } from './limits.ts'

/** A state with the words that vouch for it, as it is sent and as it lies on disk. */
export interface SignedState {
  /** JSON of a MemberStatement, exactly as it was signed. */
  readonly statement: string
  /** Base64. */
  readonly signature: string
  /** JSON of a MemberState, exactly as it was hashed. */
  readonly state: string
}

/** A statement that was found to hold. */
export interface Vouched {
  /** SHA-256 of the state, hexadecimal. */
  readonly hash: string
  /** Milliseconds since the epoch. */
  readonly signedMs: number
  readonly expiresMs: number
}

/**
 * Judges a statement alone. Throws SnapshotError: SNAPSHOT_UNTRUSTED for what our host CA did not sign, SNAPSHOT_FOREIGN for
 * another Teleport cluster's, SNAPSHOT_EXPIRED, SNAPSHOT_MALFORMED.
 */
export function judgeStatement(
  signed: Pick<SignedState, 'statement' | 'signature'>,
  by: {
    readonly hostCas: readonly TrustedAuthority[]
    readonly teleportCluster: string
    readonly nowMs: number
  },
): Vouched {
  const genuine = verifyStatement(by.hostCas, by.nowMs, {
    context: MEMBER_STATE_CONTEXT,
    text: signed.statement,
    signature: signed.signature,
  })
  if (!genuine) {
    throw new SnapshotError(
      'SNAPSHOT_UNTRUSTED',
      'the host CA of this Teleport cluster did not sign it: it was altered, or is from elsewhere',
    )
  }
  const content = parsed<MemberStatement>(signed.statement)
  if (content.cluster !== by.teleportCluster) {
    throw new SnapshotError(
      'SNAPSHOT_FOREIGN',
      `it is of Teleport cluster "${content.cluster}", and we belong to "${by.teleportCluster}"`,
    )
  }
  if (!(content.signed_ms <= by.nowMs + CLOCK_SKEW_MS)) {
    throw new SnapshotError(
      'SNAPSHOT_MALFORMED',
      `it was signed at ${iso(content.signed_ms)}, and here it is ${iso(by.nowMs)}: is a clock wrong?`,
    )
  }
  if (!(by.nowMs < content.expires_ms)) {
    throw new SnapshotError('SNAPSHOT_EXPIRED', `it was good until ${iso(content.expires_ms)}`)
  }
  return { hash: content.state, signedMs: content.signed_ms, expiresMs: content.expires_ms }
}

/** Throws SnapshotError SNAPSHOT_UNTRUSTED for a state that is not the one which was vouched for. */
export function assertVouched(state: string, { hash }: Pick<Vouched, 'hash'>): void {
  if (createHash('sha256').update(state).digest('hex') === hash) return
  throw new SnapshotError('SNAPSHOT_UNTRUSTED', 'its content is not what was signed')
}

/** A state, ready to decide by. */
export interface ReadState {
  readonly view: AccessView
  readonly trust: TrustBundle
  readonly proxies: MemberState['proxies']
  /** How sessions are recorded. */
  readonly recording: RecordingSettings
}

/**
 * Reads a state that was vouched for. `onUnreadable` hears of roles that this version cannot read; whoever holds them is denied
 * everything. Throws SnapshotError SNAPSHOT_MALFORMED for a version of which nothing is known.
 */
export function readState(
  text: string,
  revision: number,
  onUnreadable: (role: string, error: unknown) => void,
): ReadState {
  const state = parsed<MemberState>(text)
  if (state.version !== 1) {
    throw new SnapshotError(
      'SNAPSHOT_MALFORMED',
      `its version ${String(state.version)} is newer than this program: upgrade it`,
    )
  }
  const roles = new Map<string, Role>()
  for (const resource of state.roles) {
    const { name } = resource.metadata
    roles.set(
      name,
      storedRole(name, resource, (error) => onUnreadable(name, error)),
    )
  }
  const users = new Map<string, UserRecord>(
    state.users.map((user) => [
      user.name,
      { name: user.name, roles: user.roles, traits: user.traits, createdMs: user.created_ms },
    ]),
  )
  return {
    view: accessView({
      revision,
      roles,
      users,
      locks: state.locks.map(lockFrom),
      removedHosts: new Set(state.removed_hosts),
    }),
    trust: {
      revision,
      userCas: state.user_cas.map(trustedAuthority),
      hostCas: state.host_cas.map(trustedAuthority),
    },
    proxies: state.proxies,
    recording: recordingOf(state),
  }
}

function recordingOf({ session_recording: told }: MemberState): RecordingSettings {
  if (told === undefined) return defaultRecordingSettings
  const { records, strict, recipients, pipe_bytes: pipeBytes } = told
  return { records, strict, recipients, pipeBytes }
}

function parsed<T>(text: string): T {
  try {
    // Its form is the auth service's word, which was proven before anybody comes here.
    return JSON.parse(text) as T
  } catch (cause) {
    throw new SnapshotError('SNAPSHOT_MALFORMED', 'it is not JSON', { cause })
  }
}

const iso = (ms: number): string => (Number.isFinite(ms) ? new Date(ms).toISOString() : String(ms))
