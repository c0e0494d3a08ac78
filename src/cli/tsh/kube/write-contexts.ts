import {
  type Access,
  assertDistinct,
  type ContextRequest,
  type KubeAccount,
  kubeconfigPaths,
  type LoginPlan,
  type Profile,
  planLogin,
  updateKubeconfigs,
  type Value,
} from '../../../client/index.ts'
import { CliError } from '../../errors.ts'
import { say } from '../../io.ts'
import type { TshContext } from '../context.ts'
import { loginCommand } from '../session.ts'

/** Enters clusters into the kubeconfig, and says which names were taken by others. */
export async function writeContexts(
  context: TshContext,
  profile: Profile,
  access: Access,
  requests: readonly ContextRequest[],
  options: {
    readonly select: string | null
    readonly prune: boolean
    /** Keys stand in the kubeconfig itself: for identity files, and where there is no /bin/sh. */
    readonly embed: boolean
    /** A context that cannot be written is an error, and then nothing is. */
    readonly mustHave?: boolean
  },
): Promise<LoginPlan> {
  const { world, store } = context
  const paths = kubeconfigPaths(world.io.env, world.userHome)
  assertDistinct(requests.flatMap(({ contextName }) => contextName ?? []))
  const account = await accountOf(context, profile, access, options.embed)
  const plan = await updateKubeconfigs(
    paths,
    (files) => {
      const planned = planLogin(files, account, requests, options)
      const [taken] = planned.taken
      if (options.mustHave === true && taken !== undefined) throw contextTaken(taken)
      return planned
    },
    {
      onWait: (lock) => say(world.io, `tsh: waiting for another program to let go of ${lock}`),
      onNarrowed: (path) =>
        say(world.io, `tsh: ${path} holds a private key now: others cannot read it any more`),
    },
  )
  if (!options.embed) await store.addKubeconfigs(profile, [...plan.edits.keys()])
  if (isBehindOthersTls(profile, access)) {
    say(
      world.io,
      `tsh: something in front of ${profile.proxy} ends TLS: kubectl reaches clusters there by "tsh proxy kube"`,
    )
  }
  for (const name of plan.taken) {
    say(
      world.io,
      `tsh: the kubeconfig has an entry ${JSON.stringify(name)} that is not of ${account.teleportCluster} at ${account.proxy}: it was left alone. Another name: tsh kube login <cluster> --set-context-name=<name>`,
    )
  }
  return plan
}

const contextTaken = (name: string): CliError =>
  new CliError(
    'REFUSED',
    `the kubeconfig has an entry ${JSON.stringify(name)} that is not this cluster's: it was left alone`,
    { hint: 'give another name: --set-context-name=<name>' },
  )

/** Each cluster that the roles allow, with names and namespaces as they are. */
export const everyCluster = (access: Access): ContextRequest[] =>
  access.kube_clusters.map(({ name, server_name: serverName }) => ({
    kubeCluster: name,
    serverName,
  }))

/** Whether kubectl meets somebody else's TLS where clusters are reached. */
export const isBehindOthersTls = (profile: Profile, access: Access): boolean =>
  profile.upgraded === true && (access.kube_addr ?? profile.proxy) === profile.proxy

/** Whose contexts are written, and how they get in. `embed`: keys stand in the kubeconfig itself. */
export async function accountOf(
  context: TshContext,
  profile: Profile,
  access: Access,
  embed: boolean,
): Promise<KubeAccount> {
  const { world, store } = context
  const script = store.scriptOf(profile)
  const embedded = embed || world.platform === 'win32'
  const direct = embedded || (await store.canRunScript(profile))
  return {
    proxy: profile.proxy,
    user: profile.user,
    teleportCluster: profile.teleport_cluster,
    // The web port leads to clusters too, by their server names.
    server: `https://${access.kube_addr ?? profile.proxy}`,
    hostCa: profile.host_ca,
    credentials: (kubeCluster): Readonly<Record<string, Value>> =>
      embedded
        ? {
            'client-certificate-data': base64(profile.certificate),
            'client-key-data': base64(profile.private_key),
          }
        : {
            exec: {
              // The older of two that say the same: kubectl 1.20 knows no other, and every later one takes it.
              apiVersion: 'client.authentication.k8s.io/v1beta1',
              // A home that is mounted noexec has a script that only a shell can read.
              command: direct ? script : '/bin/sh',
              args: [
                ...(direct ? [] : [script]),
                `--proxy=${profile.proxy}`,
                `--user=${profile.user}`,
                `--teleport-cluster=${profile.teleport_cluster}`,
                `--kube-cluster=${kubeCluster}`,
              ],
              interactiveMode: 'IfAvailable',
              provideClusterInfo: false,
              installHint: `log in again: ${loginCommand(profile)}`,
            },
          },
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')
