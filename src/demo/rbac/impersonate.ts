import { ApiError, badRequest } from '../api-error.ts'
import type { Store } from '../store/store.ts'
import { type Attributes, authorize, refusalWords } from './authorize.ts'
import type { Principal } from './rules.ts'

const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/
const AUTHENTICATED = 'system:authenticated'
const ANONYMOUS = 'system:unauthenticated'

export interface ImpersonationHeaders {
  readonly user: string | null
  readonly groups: readonly string[]
  readonly uid: string | null
  /** Alternating lower-case key and value. */
  readonly extra: readonly (readonly [string, string])[]
}

/**
 * Who a request is from: the owner of the token, or whom he impersonates when RBAC lets him. Throws ApiError Forbidden, and
 * BadRequest for groups without a user.
 */
export function impersonate(
  store: Store,
  caller: Principal,
  { user, groups, uid, extra }: ImpersonationHeaders,
): Principal {
  if (user === null) {
    if (groups.length === 0 && uid === null && extra.length === 0) return caller
    throw badRequest('requested groups, uid or extra without impersonating a user')
  }
  const account = SERVICE_ACCOUNT.exec(user)
  const wanted: Attributes[] = [
    account === null
      ? right('', 'users', '', user)
      : right('', 'serviceaccounts', account[1] ?? '', account[2] ?? ''),
    ...groups.map((group) => right('', 'groups', '', group)),
    ...(uid === null ? [] : [right('authentication.k8s.io', 'uids', '', uid)]),
    ...extra.map(([key, value]) => right('authentication.k8s.io', 'userextras', '', value, key)),
  ]
  for (const asked of wanted) {
    if (!authorize(store, caller, asked).allowed) {
      throw new ApiError('Forbidden', forbiddenWords(caller, asked), {})
    }
  }
  return { user, groups: withOwnGroups(groups, account?.[1] ?? null) }
}

const right = (
  group: string,
  resource: string,
  namespace: string,
  name: string,
  subresource = '',
): Attributes & { kind: 'resource' } => ({
  kind: 'resource',
  verb: 'impersonate',
  group,
  resource,
  subresource,
  namespace,
  name,
})

function forbiddenWords(caller: Principal, asked: Attributes): string {
  if (asked.kind === 'path') return refusalWords(caller, asked)
  const { group, resource, name } = asked
  const words = group === '' ? resource : `${resource}.${group}`
  return `${words} ${JSON.stringify(name)} is forbidden: ${refusalWords(caller, asked)}`
}

/** A ServiceAccount that comes without groups has its own; everybody but the unknown is authenticated. */
function withOwnGroups(groups: readonly string[], namespace: string | null): readonly string[] {
  const own =
    namespace !== null && groups.length === 0
      ? ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
      : groups
  return own.includes(AUTHENTICATED) || own.includes(ANONYMOUS) ? own : [...own, AUTHENTICATED]
}
