import type { SessionFacts } from '../recording/index.ts'

/** Of a command, in JSON: what a record's head holds, with as much again for everything else. A longer one is cut, and says so. */
export const COMMAND_BYTES = 48 * 1024
/** Of the names of roles, in JSON: with a command, and with the other texts at their longest, they fit into a record's head. */
export const ROLES_BYTES = 32 * 1024
/** As the management API takes them. */
const ROLES = 256
const NAME_CHARS = 256
/** What Kubernetes calls a namespace, a pod, a container, a node; a client may ask for what is none. */
const OBJECT_CHARS = 253
const IMAGE_CHARS = 1024
const PROTOCOL_CHARS = 64

/** The facts of a session as far as a recording takes them: what a client made long is no reason not to record it. */
export function boundedFacts(facts: SessionFacts): SessionFacts {
  return {
    ...facts,
    user: cut(facts.user, NAME_CHARS),
    namespace: cut(facts.namespace, OBJECT_CHARS),
    pod: cut(facts.pod, OBJECT_CHARS),
    container: cut(facts.container, OBJECT_CHARS),
    node: cut(facts.node, OBJECT_CHARS),
    image: cut(facts.image, IMAGE_CHARS),
    protocol: cut(facts.protocol, PROTOCOL_CHARS),
    roles: boundedRoles(facts.roles),
    command: boundedCommand(facts.command),
  }
}

/** No half of a character at its end. */
const cut = (text: string, chars: number): string =>
  text.length <= chars ? text : text.slice(0, chars).toWellFormed()

function boundedRoles(roles: readonly string[]): readonly string[] {
  let left = ROLES_BYTES
  const kept: string[] = []
  for (const told of roles.slice(0, ROLES)) {
    const role = cut(told, NAME_CHARS)
    left -= jsonBytes(role)
    if (left < 0) break
    kept.push(role)
  }
  return kept
}

function boundedCommand(command: readonly string[]): readonly string[] {
  let left = COMMAND_BYTES
  const kept: string[] = []
  for (const [at, word] of command.entries()) {
    const bytes = jsonBytes(word)
    if (bytes > left) {
      const rest = command.length - at
      // No word of it is whole; a character takes six bytes of JSON at most.
      const part = cut(word, Math.max(0, Math.floor(left / 6) - 20))
      return [...kept, `${part} [cut: ${rest} words are not kept whole]`]
    }
    kept.push(word)
    left -= bytes
  }
  return kept
}

/** With quotes and a comma. */
const jsonBytes = (word: string): number => Buffer.byteLength(JSON.stringify(word)) + 1
