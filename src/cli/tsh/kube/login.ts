import type { ContextRequest } from '../../../client/index.ts'
import { CliError } from '../../errors.ts'
import { printable } from '../../format.ts'
import { print, say } from '../../io.ts'
import type { TshContext } from '../context.ts'
import { openSession, readAccess } from '../session.ts'
import { chooseCluster } from './choose-cluster.ts'
import { contextName } from './context-name.ts'
import { everyCluster, writeContexts } from './write-contexts.ts'

export interface KubeLoginFlags {
  readonly all?: boolean
  readonly namespace?: string
  readonly as?: string
  readonly asGroups?: readonly string[]
  readonly setContextName?: string
}

/** `tsh kube login` */
export async function kubeLogin(
  context: TshContext,
  wanted: string | undefined,
  flags: KubeLoginFlags,
): Promise<void> {
  const { io } = context.world
  if ((wanted === undefined) === (flags.all !== true)) {
    throw new CliError('USAGE', 'which Kubernetes cluster? give its name, or --all', {
      hint: 'see "tsh kube ls"',
    })
  }
  using session = await openSession(context)
  const { profile } = session
  const access = await readAccess(context, session)
  const asked =
    wanted === undefined
      ? everyCluster(access)
      : [requestFor(chooseCluster(wanted, access.kube_clusters))]
  const template = flags.setContextName
  const requests = asked.map(
    (request): ContextRequest => ({
      ...request,
      ...(template === undefined
        ? {}
        : {
            contextName: contextName(template, {
              teleportCluster: profile.teleport_cluster,
              kubeCluster: request.kubeCluster,
            }),
          }),
      ...(flags.namespace === undefined ? {} : { namespace: flags.namespace }),
      ...impersonation(flags),
    }),
  )
  const [first] = requests
  const select = wanted === undefined ? null : (first?.kubeCluster ?? null)
  const plan = await writeContexts(context, profile, access, requests, {
    select,
    prune: false,
    embed: !session.isStored,
    // With a name of his own a person means this name, and a single cluster must get one.
    mustHave: wanted !== undefined || template !== undefined,
  })
  if (session.isStored) await context.store.select(profile)
  if (select === null) {
    const count = [...plan.contexts.values()].flat().length
    print(
      io,
      `Logged into ${requests.length} Kubernetes clusters: ${count} contexts in the kubeconfig`,
    )
    return
  }
  print(
    io,
    `Logged into Kubernetes cluster "${printable(select)}": the current context is "${printable(plan.currentContext)}"`,
  )
  const cluster = access.kube_clusters.find(({ name }) => name === select)
  if (cluster?.online === false) {
    say(io, `tsh: "${select}" is offline: no service serves it now`)
  }
}

const requestFor = (cluster: {
  readonly name: string
  readonly server_name: string
}): ContextRequest => ({ kubeCluster: cluster.name, serverName: cluster.server_name })

/** Without flags a single cluster is entered as oneself; who enters all leaves each as it is. */
function impersonation({ all, as, asGroups }: KubeLoginFlags): Partial<ContextRequest> {
  const groups = asGroups ?? []
  if (all === true && as === undefined && groups.length === 0) return {}
  return { impersonate: { user: as ?? null, groups } }
}
