/** What a record says of its session, before its first byte. */
export interface SessionFacts {
  readonly sessionId: string
  readonly kind: 'exec' | 'attach'
  readonly user: string
  readonly teleportCluster: string
  readonly kubeCluster: string
  readonly namespace: string
  readonly pod: string
  readonly container: string
  /** Empty for an attach. */
  readonly command: readonly string[]
  /** With a terminal there is no stderr: the container mixes it into stdout. */
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
  const { kind, command, tty, startedMs } = facts
  if (kind !== 'exec' && kind !== 'attach') return null
  if (!Array.isArray(command) || !command.every((word) => typeof word === 'string')) return null
  if (typeof tty !== 'boolean' || !isTime(startedMs)) return null
  const { sessionId, user, teleportCluster, kubeCluster, namespace, pod, container } = facts
  if (!isText(sessionId) || !isText(user) || !isText(teleportCluster)) return null
  if (!isText(kubeCluster) || !isText(namespace) || !isText(pod) || !isText(container)) return null
  return {
    ...{ sessionId, kind, user, teleportCluster, kubeCluster, namespace, pod, container },
    ...{ command, tty, startedMs },
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
