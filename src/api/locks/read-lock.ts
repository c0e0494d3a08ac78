import type { Lock } from '../../authz/index.ts'
import type { LockResource } from '../../contract/index.ts'

/** A lock as decisions read it. An end that cannot be read is none: who is locked out stays so. */
export function lockOfResource({ metadata, spec }: LockResource): Lock {
  const expiresAtMs = spec.expires === undefined ? Number.NaN : Date.parse(spec.expires)
  return {
    name: metadata.name,
    user: spec.target.user ?? null,
    role: spec.target.role ?? null,
    message: spec.message ?? '',
    expiresAtMs: Number.isNaN(expiresAtMs) ? null : expiresAtMs,
  }
}
