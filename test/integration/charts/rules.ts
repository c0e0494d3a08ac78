import { expect } from 'vitest'
import { parse } from 'yaml'
import { type KubeObject, only } from '../../support/helm.ts'

/** docs/kubernetes-rights.md */
export const IMPERSONATION = [
  { apiGroups: [''], resources: ['users', 'groups', 'serviceaccounts'], verbs: ['impersonate'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
  {
    apiGroups: ['authorization.k8s.io'],
    resources: ['selfsubjectaccessreviews'],
    verbs: ['create'],
  },
]

/** teleport.yaml of the ConfigMap that pods read. */
export const configOf = (objects: readonly KubeObject[]): Record<string, unknown> =>
  parse(only(objects, 'ConfigMap', 'rel')['data']['teleport.yaml']) as Record<string, unknown>

/** What every pod of a chart keeps to, the pods of its jobs included. */
export function expectRestricted(objects: readonly KubeObject[]): void {
  const workloads = objects.filter(({ kind }) =>
    ['Deployment', 'StatefulSet', 'Job'].includes(kind),
  )
  expect(workloads.length).toBeGreaterThan(1)
  for (const workload of workloads) {
    const pod = workload['spec'].template.spec
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 9807,
      fsGroup: 9807,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    for (const container of pod.containers) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        capabilities: { drop: ['ALL'] },
      })
    }
  }
}
