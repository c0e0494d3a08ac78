const PREFIX = 'system:serviceaccount:'
const DNS_LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/
const DNS_SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/
const MAX_SUBDOMAIN_CHARS = 253

/**
 * The groups that Kubernetes gives to a ServiceAccount besides `system:authenticated`; none for every other user, and for a
 * name that only begins like one. An API server adds them to an impersonated account by itself when no group is sent: who
 * sends one has to send these too. Follows `serviceaccount.SplitUsername` and `MakeGroupNames` of apiserver.
 */
export function serviceAccountGroups(user: string): readonly string[] {
  if (!user.startsWith(PREFIX)) return []
  const [namespace = '', name = '', ...more] = user.slice(PREFIX.length).split(':')
  if (more.length > 0 || !DNS_LABEL.test(namespace)) return []
  if (name.length > MAX_SUBDOMAIN_CHARS || !DNS_SUBDOMAIN.test(name)) return []
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
}
