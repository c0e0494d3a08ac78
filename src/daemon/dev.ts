import { access, mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { writePrivateFile } from '../files/index.ts'
import { parseConfig, type TeleportConfig } from './config/index.ts'
import { DaemonError } from './errors.ts'
import type { Started } from './run-daemon.ts'

const DIRECTORY = '.teleport'

/**
 * A configuration for trying things out: the clusters of the current kubeconfig, everything on loopback, state in
 * `./.teleport`. It is written to a file there, so that `tctl -c` finds the same.
 */
export async function devConfig(
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ config: TeleportConfig; onStarted: (started: Started) => void }> {
  const directory = resolve(DIRECTORY)
  const kubeconfigFile = await currentKubeconfig(env)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const file = join(directory, 'teleport.yaml')
  const text = `# Written by "teleport start --dev" at each start.
teleport:
  nodename: localhost
  data_dir: ${JSON.stringify(directory)}
auth_service:
  cluster_name: localhost
  listen_addr: 127.0.0.1:3025
proxy_service:
  web_listen_addr: 127.0.0.1:3080
  kube_listen_addr: 127.0.0.1:3026
kubernetes_service:
  enabled: yes
  kubeconfig_file: ${JSON.stringify(kubeconfigFile)}
`
  await writePrivateFile(file, text)
  return {
    config: parseConfig(text, file),
    onStarted: ({ kubeClusters }) => {
      process.stderr.write(`
Teleport serves ${kubeClusters.length === 1 ? 'the cluster' : `${kubeClusters.length} clusters`} of ${kubeconfigFile}: ${kubeClusters.join(', ')}

In another terminal, in this directory:

  npx tctl -c ${DIRECTORY}/teleport.yaml users add joe --k8s-groups="system:masters"
  npx tctl -c ${DIRECTORY}/teleport.yaml auth sign --user=joe --format=kubernetes --out=joe.kubeconfig --ttl=25h${kubeClusters.length > 1 ? ` --kube-cluster-name=${shellWord(kubeClusters[0] ?? '')}` : ''}
  kubectl --kubeconfig joe.kubeconfig get pods -A
  npx tctl -c ${DIRECTORY}/teleport.yaml audit ls

`)
    },
  }
}

/** The first file of $KUBECONFIG that exists, else ~/.kube/config. */
async function currentKubeconfig(
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '')
  const candidates = listed.length > 0 ? listed : [join(homedir(), '.kube', 'config')]
  for (const candidate of candidates) {
    const path = resolve(candidate)
    const found = await access(path).then(
      () => true,
      () => false,
    )
    if (found) return path
  }
  throw new DaemonError(
    'NO_KUBE_CLUSTERS',
    `there is no kubeconfig at ${candidates.join(', ')}: set KUBECONFIG to one whose clusters are to be served`,
  )
}

/** A word that a shell takes as it is, in single quotes where it must. */
const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
