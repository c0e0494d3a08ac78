/** What a record says of its session, before its first byte. What is not known is empty. */
export interface SessionFacts {
  readonly sessionId: string
  readonly kind: 'exec' | 'attach'
  readonly user: string
  /** Those of the person, when the session began. */
  readonly roles: readonly string[]
  readonly teleportCluster: string
  readonly kubeCluster: string
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly node: string
  /** Of the container. */
  readonly image: string
  /** The host id of the kubernetes service. */
  readonly serverId: string
  /** What the client spoke: `v4.channel.k8s.io`, `SPDY/3.1 v4.channel.k8s.io`. */
  readonly protocol: string
  /** Empty for an attach. */
  readonly command: readonly string[]
  /** Interactive: with a terminal there is no stderr, the container mixes it into stdout. */
  readonly tty: boolean
  /** Milliseconds since 1970. */
  readonly startedMs: number
}

/** Null for JSON that is not the facts of a session. Further keys are passed over: a later version may say more. */
export function parseSessionFacts(text: string): SessionFacts | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const facts = value as Readonly<Record<string, unknown>>
  const { kind, command, roles = [], tty, startedMs } = facts
  if (kind !== 'exec' && kind !== 'attach') return null
  if (!isTexts(command) || !isTexts(roles)) return null
  if (typeof tty !== 'boolean' || !isTime(startedMs)) return null
  const { sessionId, user, teleportCluster, kubeCluster, namespace, pod, container } = facts
  const { node = '', image = '', serverId = '', protocol = '' } = facts
  if (!isText(sessionId) || !isText(user) || !isText(teleportCluster)) return null
  if (!isText(kubeCluster) || !isText(namespace) || !isText(pod) || !isText(container)) return null
  if (!isText(node) || !isText(image) || !isText(serverId) || !isText(protocol)) return null
  return {
    ...{ sessionId, kind, user, roles, teleportCluster, kubeCluster, namespace, pod, container },
    ...{ node, image, serverId, protocol, command, tty, startedMs },
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every(isText)
const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
