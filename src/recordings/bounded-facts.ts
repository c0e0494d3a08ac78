import type { SessionFacts } from '../recording/index.ts'

/** Of a command, in JSON: what a record's head holds, with as much again for everything else. A longer one is cut, and says so. */
export const COMMAND_BYTES = 48 * 1024
/** As the management API takes them. */
const ROLES = 256
const NAME_CHARS = 256
const IMAGE_CHARS = 1024
const PROTOCOL_CHARS = 64

/** The facts of a session as far as a recording takes them: what a client made long is no reason not to record it. */
export function boundedFacts(facts: SessionFacts): SessionFacts {
  const image = facts.image.slice(0, IMAGE_CHARS)
  const protocol = facts.protocol.slice(0, PROTOCOL_CHARS)
  const roles = facts.roles.slice(0, ROLES).map((role) => role.slice(0, NAME_CHARS))
  return { ...facts, image, protocol, roles, command: boundedCommand(facts.command) }
}

function boundedCommand(command: readonly string[]): readonly string[] {
  let left = COMMAND_BYTES
  const kept: string[] = []
  for (const [at, word] of command.entries()) {
    const bytes = jsonBytes(word)
    if (bytes > left) {
      const rest = command.length - at
      // No word of it is whole; a character takes six bytes of JSON at most.
      const part = word.slice(0, Math.max(0, Math.floor(left / 6) - 20))
      return [...kept, `${part} [cut: ${rest} words are not kept whole]`]
    }
    kept.push(word)
    left -= bytes
  }
  return kept
}

/** With quotes and a comma. */
const jsonBytes = (word: string): number => Buffer.byteLength(JSON.stringify(word)) + 1
