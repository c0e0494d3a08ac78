import { userInfo } from 'node:os'
import { ApiCallError, type ApiClient } from '../../client/index.ts'

/** Everything, here and in the clusters: whoever runs this has their kubeconfig anyway. */
const ROLES = ['admin']
const GROUPS = ['system:masters']

export interface FirstUser {
  readonly name: string
  readonly created: boolean
  /** The link that sets the password; null when there is one already. */
  readonly invite: string | null
}

/** Sees to it that there is a first user, and that he can get in. */
export async function ensureFirstUser(client: ApiClient): Promise<FirstUser> {
  const name = firstUserName(ownName())
  const found = await client
    .call('users.read', { params: { name } })
    .catch((error: unknown): null => {
      if (error instanceof ApiCallError && error.code === 'NOT_FOUND') return null
      throw error
    })
  if (found === null) {
    await client.call('users.create', {
      body: {
        kind: 'user',
        version: 'v2',
        metadata: { name },
        spec: { roles: ROLES, traits: { kubernetes_groups: GROUPS } },
      },
    })
  }
  if (found?.status?.password_set === true) return { name, created: false, invite: null }
  const { url } = await client.call('users.invites.create', {
    params: { name },
    body: { kind: 'invite' },
  })
  return { name, created: found === null, invite: url }
}

/** The person's own login name where it can be a user's name, and where it is a person's. Pure. */
export function firstUserName(login: string | null): string {
  return login !== null && login !== 'root' && /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/.test(login)
    ? login
    : 'admin'
}

function ownName(): string | null {
  try {
    return userInfo().username
  } catch {
    // The account has no name, as in many containers.
    return null
  }
}
