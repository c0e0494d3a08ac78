import { IdentityError } from './errors.ts'
import { MAX_USER_NAME_CHARS } from './limits.ts'

const USER_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}._@:+-]*$/u

/**
 * Throws IdentityError USER_NAME_INVALID unless the name is letters, digits and `. _ @ : + -`, not beginning with a sign:
 * it becomes a header value, a file name and a certificate subject. `system:` is Kubernetes' own.
 */
export function assertUserName(name: string): void {
  const problem =
    name.length === 0
      ? 'is empty'
      : name.length > MAX_USER_NAME_CHARS
        ? `has more than ${MAX_USER_NAME_CHARS} characters`
        : !USER_NAME.test(name)
          ? 'may hold letters, digits and . _ @ : + - only, and begins with a letter, a digit or _'
          : name.startsWith('system:')
            ? 'begins with "system:", which Kubernetes keeps for itself'
            : null
  if (problem !== null) {
    throw new IdentityError('USER_NAME_INVALID', `user name ${quote(name)} ${problem}`)
  }
}

/** For logs and terminals: nothing in it moves a cursor, turns the direction of text or fills the screen. */
const quote = (name: string): string =>
  JSON.stringify(name.slice(0, MAX_USER_NAME_CHARS)).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
