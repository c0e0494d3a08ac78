import { Type } from 'typebox'
import { Empty, type Endpoint, None, Paging, pageOf } from './endpoint.ts'
import { ByName, KubeClusterResource, KubeClusterWrite, KubeServerResource } from './resources.ts'

const KubeName = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 512 }) },
  { additionalProperties: false },
)

const Secrets = {
  with_secrets: Type.Optional(
    Type.Boolean({
      description: 'with kubeconfigs; wants `kube_cluster: update` besides, and is audited',
    }),
  ),
}

const WithSecrets = Type.Object(Secrets, { additionalProperties: false })

const PagedWithSecrets = Type.Object({ ...Paging, ...Secrets }, { additionalProperties: false })

/** Kubernetes clusters, and who serves them. */
export const kubeEndpoints = {
  'kube_clusters.list': {
    method: 'GET',
    path: '/v1/kube_clusters',
    summary:
      'List the Kubernetes clusters that the caller may reach, and the dynamic ones that he may change',
    rules: [{ resource: 'kube_cluster', verb: 'list' }],
    params: None,
    query: PagedWithSecrets,
    body: null,
    response: pageOf(KubeClusterResource),
  },
  'kube_clusters.read': {
    method: 'GET',
    path: '/v1/kube_clusters/:name',
    summary: 'Read one Kubernetes cluster that the caller may reach or change',
    rules: [{ resource: 'kube_cluster', verb: 'read' }],
    params: KubeName,
    query: WithSecrets,
    body: null,
    response: KubeClusterResource,
  },
  'kube_clusters.create': {
    method: 'POST',
    path: '/v1/kube_clusters',
    summary: 'Create a dynamic Kubernetes cluster: services with matching resources serve it',
    rules: [{ resource: 'kube_cluster', verb: 'create' }],
    params: None,
    query: None,
    body: KubeClusterWrite,
    response: KubeClusterResource,
  },
  'kube_clusters.upsert': {
    method: 'PUT',
    path: '/v1/kube_clusters/:name',
    summary: 'Create or replace a dynamic Kubernetes cluster',
    rules: [
      { resource: 'kube_cluster', verb: 'create' },
      { resource: 'kube_cluster', verb: 'update' },
    ],
    params: ByName,
    query: None,
    body: KubeClusterWrite,
    response: KubeClusterResource,
  },
  'kube_clusters.delete': {
    method: 'DELETE',
    path: '/v1/kube_clusters/:name',
    summary: 'Delete a dynamic Kubernetes cluster, or forget another one that is offline',
    rules: [{ resource: 'kube_cluster', verb: 'delete' }],
    params: KubeName,
    query: None,
    body: null,
    response: Empty,
  },
  'kube_servers.list': {
    method: 'GET',
    path: '/v1/kube_servers',
    summary: 'List which process serves which Kubernetes cluster, and whom the names belong to',
    rules: [{ resource: 'kube_server', verb: 'list' }],
    params: None,
    query: None,
    body: null,
    response: pageOf(KubeServerResource),
  },
  'kube_servers.delete': {
    method: 'DELETE',
    path: '/v1/kube_servers/:name',
    summary: "Free a Kubernetes cluster's name: the next one who serves it gets it",
    rules: [{ resource: 'kube_server', verb: 'delete' }],
    params: KubeName,
    query: None,
    body: null,
    response: Empty,
  },
} as const satisfies Record<string, Endpoint>
