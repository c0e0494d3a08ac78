import { type ApiEnv, timeText } from '../api/env.ts'
import { createObject } from '../api/write.ts'
import { clone, type JsonObject } from '../json.ts'
import { clusterrolebindings, clusterroles } from '../resources/access.ts'
import { deployments } from '../resources/apps.ts'
import {
  configmaps,
  namespaces,
  nodes,
  secrets,
  serviceaccounts,
  services,
} from '../resources/core.ts'
import type { ResourceType } from '../resources/types.ts'
import { DEMO_NODE } from '../version.ts'
import {
  clusterRoleBindings,
  clusterRoles,
  teleportBinding,
  teleportRole,
} from './cluster-roles.ts'
import {
  seedConfigMap,
  seedDeployment,
  seedNamespaces,
  seedNode,
  seedSecret,
  seedService,
} from './objects.ts'

/** Fills an empty cluster. */
export function seed(env: ApiEnv): void {
  const put = (type: ResourceType, namespace: string, object: JsonObject): void => {
    createObject(env, type, namespace, clone(object), { dryRun: false, manager: 'demo' })
  }
  for (const namespace of seedNamespaces) put(namespaces, '', namespace)
  for (const role of [...clusterRoles, teleportRole]) put(clusterroles, '', role)
  for (const binding of [...clusterRoleBindings, teleportBinding])
    put(clusterrolebindings, '', binding)
  put(nodes, '', seedNode(timeText(env.now())))
  put(serviceaccounts, 'teleport', { metadata: { name: 'teleport-serviceaccount' } })
  put(configmaps, 'demo', seedConfigMap)
  put(secrets, 'demo', seedSecret)
  put(services, 'demo', seedService)
  put(deployments, 'demo', seedDeployment)
  if (env.store.get('nodes.', '', DEMO_NODE) === null) throw new TypeError('the demo has no node')
}
