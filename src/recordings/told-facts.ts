import type { SessionFacts } from '../recording/index.ts'

/** The facts of a session under the names that they have in the management API, whoever tells them to whom. */
export const toldFacts = (facts: SessionFacts): ToldFacts => ({
  kind: facts.kind,
  user: facts.user,
  roles: [...facts.roles],
  kube_cluster: facts.kubeCluster,
  namespace: facts.namespace,
  pod: facts.pod,
  container: facts.container,
  node: facts.node,
  image: facts.image,
  protocol: facts.protocol,
  server_id: facts.serverId,
  command: [...facts.command],
  tty: facts.tty,
  started: new Date(facts.startedMs).toISOString(),
})

interface ToldFacts {
  kind: SessionFacts['kind']
  user: string
  roles: string[]
  kube_cluster: string
  namespace: string
  pod: string
  container: string
  node: string
  image: string
  protocol: string
  server_id: string
  command: string[]
  tty: boolean
  /** RFC 3339. */
  started: string
}
