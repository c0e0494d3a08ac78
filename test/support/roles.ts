import { parseRole, type Role, type Subject } from '../../src/authz/index.ts'

/** The `spec` of a role as people write it. */
export interface RoleSpec {
  readonly allow?: object
  readonly deny?: object
  readonly options?: object
}

/** A role of version v7, read from what people write. */
export const roleOf = (name: string, spec: RoleSpec, version = 'v7'): Role =>
  parseRole({ kind: 'role', version, metadata: { name }, spec })

export const subjectOf = (
  roles: readonly Role[],
  traits: Subject['traits'] = {},
  user = 'joe',
): Subject => ({ user, roles, traits, denyTraits: traits })
