import { shellWord } from '../../client/index.ts'
import { printable } from '../../core/index.ts'
import type { FirstRequest } from './first-request.ts'
import type { FirstUser } from './first-user.ts'

/** What the first minute tells, in lines. Pure. */

const SHOWN_NAMES = 4

/** Details are the words of API servers, too. */
export const step = (what: string, detail: string): string =>
  `  ✓ ${what.padEnd(15)} ${printable(detail)}`
export const trouble = (what: string, detail: string): string =>
  `  ! ${what.padEnd(15)} ${printable(detail)}`

/** `a, b, c and 3 more` */
export function listed(names: readonly string[], shown: number = SHOWN_NAMES): string {
  const rest = names.length - shown
  return rest > 0 ? `${names.slice(0, shown).join(', ')} and ${rest} more` : names.join(', ')
}

export function requestLine(user: string, made: FirstRequest): string {
  const where = `GET /api/v1/namespaces as "${user}" through the gateway to "${made.cluster}"`
  const answer = `${made.status} in ${Math.round(made.tookMs)} ms`
  return made.status === 200
    ? step('first request', `${where}: ${answer} (${listed(made.names)})`)
    : trouble('first request', `${where}: ${made.status} ${made.words}`)
}

export interface NextSteps {
  /** How the product's commands are called from here: `npx `, or nothing when they are on the PATH. */
  readonly prefix: string
  readonly configFile: string
  readonly proxy: string
  /** Of the authorities: with them the first contact is no matter of trust. */
  readonly caPins: readonly string[]
  readonly user: FirstUser
  readonly clusters: readonly string[]
  readonly hasKubectl: boolean
}

/** What to type next, as it can be typed. */
export function nextSteps(facts: NextSteps): string {
  const { prefix, user, proxy, configFile } = facts
  const [first = ''] = facts.clusters
  const several = facts.clusters.length > 1
  const pins = facts.caPins.map((pin) => ` --ca-pin=${pin}`).join('')
  const steps: string[][] = []
  if (user.invite !== null) {
    steps.push([
      `set the password of "${user.name}"; it asks for the link below, which works once, for an hour:`,
      `  ${prefix}tsh invite${pins}`,
      user.invite,
      'or open that in a browser, which warns: the certificate is one of this machine only',
    ])
  }
  steps.push([
    'log in; your kubeconfig gets a context for each cluster:',
    `  ${prefix}tsh login --proxy=${proxy} --user=${user.name}${pins}`,
  ])
  if (several) steps.push(['choose a cluster:', `  ${prefix}tsh kube login ${shellWord(first)}`])
  steps.push([
    'use it:',
    '  kubectl get pods -A',
    ...(facts.hasKubectl
      ? []
      : [
          'kubectl is not on this machine; it is one file: https://kubernetes.io/docs/tasks/tools/',
        ]),
  ])
  steps.push(['see yourself in the audit log:', `  ${prefix}tctl -c ${configFile} audit ls`])
  const numbered = steps.flatMap((lines, index) =>
    lines.map((line, at) => `  ${at === 0 ? `${index + 1}.` : '  '} ${line}`),
  )
  return ['In another terminal, in this directory:', '', ...numbered, ''].join('\n')
}
