import { decideApi, describeRule, parseRole, type Role, type Subject } from '../authz/index.ts'
import type { Endpoint } from '../contract/index.ts'
import type { Identity } from '../identity/index.ts'
import type { AccessSnapshot } from './access-state.ts'
import { ApiError } from './errors.ts'

/** What the administrator of the auth service's own machine may: everything, as with the database file itself. */
const localAdmin: Role = parseRole({
  kind: 'role',
  version: 'v7',
  metadata: { name: 'local-administrator' },
  spec: {
    allow: {
      kubernetes_labels: { '*': '*' },
      rules: [{ resources: ['*'], verbs: ['*'] }],
    },
  },
})

/** The roles that a caller has today. Null: the user is gone; services have none. */
export function subjectOf(identity: Identity, snapshot: AccessSnapshot): Subject | null {
  switch (identity.kind) {
    case 'user':
      return snapshot.subject(identity)
    case 'admin':
      return { user: `@${identity.kind}`, roles: [localAdmin], traits: {}, denyTraits: {} }
    case 'host':
      return { user: `@${identity.hostId}`, roles: [], traits: {}, denyTraits: {} }
  }
}

/** Throws ACCESS_DENIED, naming the rule that is missing or that denies, unless every rule of the endpoint holds. */
export function authorizeCall(subject: Subject | null, endpoint: Endpoint): void {
  if (subject === null) {
    throw new ApiError('ACCESS_DENIED', 'this user does not exist any more: ask an administrator', {
      facts: { gathered: true },
    })
  }
  for (const { resource, verb } of endpoint.rules) {
    const decision = decideApi(subject, resource, verb)
    if (decision.effect === 'allow') continue
    const why =
      decision.by === null ? 'no role of yours allows it' : `denied by ${describeRule(decision.by)}`
    throw new ApiError(
      'ACCESS_DENIED',
      `you may not ${verb} ${resource}: ${why}. An administrator can add a rule {resources: [${resource}], verbs: [${verb}]} to one of your roles`,
      { facts: { resource, verb } },
    )
  }
}
