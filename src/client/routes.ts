import type { Endpoint, EndpointName } from '../contract/index.ts'

type Route = readonly [method: Endpoint['method'], path: string, answer?: 'bytes']

/**
 * Methods and paths of the contract's endpoints, written out: the contract itself is made of schemas, whose library takes
 * longer to load than `tsh kube ls` may take. The types hold the names together, and a test the rest.
 */
export const routes: Readonly<Record<EndpointName, Route>> = {
  'status.read': ['GET', '/v1/status'],
  'openapi.read': ['GET', '/v1/openapi.json'],
  'stats.read': ['GET', '/v1/stats'],
  'users.list': ['GET', '/v1/users'],
  'users.read': ['GET', '/v1/users/:name'],
  'users.create': ['POST', '/v1/users'],
  'users.upsert': ['PUT', '/v1/users/:name'],
  'users.delete': ['DELETE', '/v1/users/:name'],
  'users.certificates.create': ['POST', '/v1/users/:name/certificates'],
  'users.invites.create': ['POST', '/v1/users/:name/invites'],
  'login.describe': ['GET', '/v1/login'],
  'login.create': ['POST', '/v1/login'],
  'invites.describe': ['POST', '/v1/invites/describe'],
  'invites.accept': ['POST', '/v1/invites/accept'],
  'self.read': ['GET', '/v1/self'],
  'locks.list': ['GET', '/v1/locks'],
  'locks.read': ['GET', '/v1/locks/:name'],
  'locks.create': ['POST', '/v1/locks'],
  'locks.upsert': ['PUT', '/v1/locks/:name'],
  'locks.delete': ['DELETE', '/v1/locks/:name'],
  'roles.list': ['GET', '/v1/roles'],
  'roles.read': ['GET', '/v1/roles/:name'],
  'roles.create': ['POST', '/v1/roles'],
  'roles.upsert': ['PUT', '/v1/roles/:name'],
  'roles.delete': ['DELETE', '/v1/roles/:name'],
  'cluster_settings.read': ['GET', '/v1/cluster_settings'],
  'cluster_settings.update': ['PUT', '/v1/cluster_settings'],
  'kube_clusters.list': ['GET', '/v1/kube_clusters'],
  'kube_clusters.read': ['GET', '/v1/kube_clusters/:name'],
  'kube_clusters.create': ['POST', '/v1/kube_clusters'],
  'kube_clusters.upsert': ['PUT', '/v1/kube_clusters/:name'],
  'kube_clusters.delete': ['DELETE', '/v1/kube_clusters/:name'],
  'join.create': ['POST', '/v1/join'],
  'member.certificate': ['POST', '/v1/member/certificate'],
  'tokens.list': ['GET', '/v1/tokens'],
  'tokens.read': ['GET', '/v1/tokens/:name'],
  'tokens.create': ['POST', '/v1/tokens'],
  'tokens.delete': ['DELETE', '/v1/tokens/:name'],
  'members.list': ['GET', '/v1/instances'],
  'members.read': ['GET', '/v1/instances/:name'],
  'members.delete': ['DELETE', '/v1/instances/:name'],
  'kube_servers.list': ['GET', '/v1/kube_servers'],
  'kube_servers.delete': ['DELETE', '/v1/kube_servers/:name'],
  'events.list': ['GET', '/v1/events'],
  'member.state': ['GET', '/v1/member/state'],
  'member.events': ['POST', '/v1/member/events'],
  'member.heartbeat': ['POST', '/v1/member/heartbeat'],
  'member.proxy_heartbeat': ['POST', '/v1/member/proxy_heartbeat'],
  'member.server_certificates': ['POST', '/v1/member/server_certificates'],
  'member.kube_clusters': ['POST', '/v1/member/kube_clusters'],
  'member.proxy_certificate': ['POST', '/v1/member/proxy_certificate'],
  'recordings.list': ['GET', '/v1/recordings'],
  'recordings.get': ['GET', '/v1/recordings/:id'],
  'recordings.chunk': ['GET', '/v1/recordings/:id/chunks/:index', 'bytes'],
  'recordings.remove': ['DELETE', '/v1/recordings/:id'],
  'recordings.link': ['POST', '/v1/recordings/:id/link'],
  'recording_views.open': ['POST', '/v1/recording_views/open'],
  'recording_views.describe': ['POST', '/v1/recording_views/describe'],
  'recording_views.chunk': ['POST', '/v1/recording_views/chunk', 'bytes'],
  'member.recording_begin': ['PUT', '/v1/member/recordings/:id'],
  'member.recording_chunk': ['PUT', '/v1/member/recordings/:id/chunks/:index'],
  'member.recording_end': ['POST', '/v1/member/recordings/:id/end'],
  'member.recording_whole': ['POST', '/v1/member/recordings/:id/whole'],
  'sessions.list': ['GET', '/v1/sessions'],
  'sessions.remove': ['POST', '/v1/sessions/:id/remove'],
  'member.sessions': ['POST', '/v1/member/sessions'],
  'member.session_orders': ['POST', '/v1/member/session_orders'],
  'member.session_lease': ['POST', '/v1/member/session_lease'],
}

/** The path of an endpoint with its parameters filled in. */
export function pathOf(name: EndpointName, params: Readonly<Record<string, string>>): string {
  return routes[name][1].replace(/:([a-z_]+)/g, (_, parameter: string) => {
    const value = params[parameter]
    if (value === undefined) throw new TypeError(`"${parameter}" is missing for ${name}`)
    return encodeURIComponent(value)
  })
}
