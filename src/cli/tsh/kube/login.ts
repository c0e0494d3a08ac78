import type { ContextRequest } from '../../../client/index.ts'
import { CliError } from '../../errors.ts'
import { printable } from '../../format.ts'
import { print, say } from '../../io.ts'
import type { TshContext } from '../context.ts'
import { openSession, readAccess } from '../session.ts'
import { chooseCluster } from './choose-cluster.ts'
import type { ContextFlags } from './context-flags.ts'
import { withContextFlags } from './context-request.ts'
import { everyCluster, writeContexts } from './write-contexts.ts'

export interface KubeLoginFlags extends ContextFlags {
  readonly all?: boolean
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
  const requests = asked.map((request) =>
    withContextFlags(request, flags, profile.teleport_cluster),
  )
  const [first] = requests
  const select = wanted === undefined ? null : (first?.kubeCluster ?? null)
  const plan = await writeContexts(context, profile, access, requests, {
    select,
    prune: false,
    embed: !session.isStored,
    // With a name of his own a person means this name, and a single cluster must get one.
    mustHave: wanted !== undefined || flags.setContextName !== undefined,
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

/** Without flags a single cluster is entered as oneself; who enters all leaves each as it is. */
const requestFor = (cluster: {
  readonly name: string
  readonly server_name: string
}): ContextRequest => ({
  kubeCluster: cluster.name,
  serverName: cluster.server_name,
  impersonate: { user: null, groups: [] },
})
