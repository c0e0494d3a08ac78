import type { ResponseOf } from '../../../contract/index.ts'
import { toYaml } from '../../format.ts'

export type NewToken = ResponseOf<'tokens.create'>

/** What to do with a token that was just made, ready to run. Pure. Nothing of it is a shell's business: tokens hold no such characters. */
export function instructions(made: NewToken): string {
  const { token, resource, ca_pins: pins } = made
  const services = resource.spec.roles
  const until = resource.metadata.expires ?? 'for good'
  return [
    `token "${resource.metadata.name}" for ${services.join(' and ')}, until ${until}; it is not shown again:\n\n  ${token}\n`,
    ...pins.map((pin) => `CA pin: ${pin}\n`),
    `teleport.yaml of who joins, for "teleport start -c teleport.yaml":\n\n${indented(configOf(made))}`,
    `or, without a file:\n\n${indented(startOf(made))}`,
    ...(services.includes('kube') && made.proxy_addr !== null
      ? [`or, in the Kubernetes cluster itself:\n\n${indented(helmOf(made))}`]
      : []),
  ].join('\n')
}

/** An agent behind a proxy comes in by it; a proxy goes to the auth service. */
function placeOf({ resource, proxy_addr, auth_addr }: NewToken): { key: string; address: string } {
  const isProxy = resource.spec.roles.includes('proxy')
  if (!isProxy && proxy_addr !== null) return { key: 'proxy_server', address: proxy_addr }
  return { key: 'auth_server', address: auth_addr ?? 'auth.example.com:3025' }
}

function configOf(made: NewToken): string {
  const services = made.resource.spec.roles
  const { key, address } = placeOf(made)
  return toYaml({
    version: 'v3',
    teleport: {
      data_dir: '/var/lib/teleport',
      [key]: address,
      ca_pin: made.ca_pins,
      join_params: { method: 'token', token_name: made.token },
    },
    auth_service: { enabled: 'no' },
    proxy_service: services.includes('proxy')
      ? { enabled: 'yes', web_listen_addr: '0.0.0.0:3080', kube_listen_addr: '0.0.0.0:3026' }
      : { enabled: 'no' },
    kubernetes_service: services.includes('kube')
      ? {
          enabled: 'yes',
          kubeconfig_file: '/etc/teleport/kubeconfig',
          ...(made.resource.spec.kube_resources === undefined
            ? {}
            : { resources: made.resource.spec.kube_resources }),
        }
      : { enabled: 'no' },
  })
}

function startOf(made: NewToken): string {
  const { key, address } = placeOf(made)
  const flag = key === 'proxy_server' ? 'proxy' : 'auth-server'
  return words([
    `teleport start --roles=${made.resource.spec.roles.join(',')}`,
    `--${flag}=${address}`,
    `--token=${made.token}`,
    ...made.ca_pins.map((pin) => `--ca-pin=${pin}`),
    ...(made.resource.spec.roles.includes('kube') ? ['--kubeconfig=$HOME/.kube/config'] : []),
  ])
}

const helmOf = ({ token, proxy_addr, ca_pins }: NewToken): string =>
  words([
    'helm install teleport-kube-agent teleport/teleport-kube-agent',
    '--namespace teleport --create-namespace',
    `--set roles=kube --set proxyAddr=${proxy_addr ?? ''}`,
    `--set authToken=${token}`,
    `--set "caPin={${ca_pins.join(',')}}"`,
    '--set kubeClusterName=<name of the cluster>',
  ])

const words = (lines: readonly string[]): string => `${lines.join(' \\\n  ')}\n`

const indented = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n')
