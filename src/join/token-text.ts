import { createHash, randomBytes } from 'node:crypto'
import { MAX_TOKEN_CHARS, MIN_TOKEN_CHARS, TOKEN_BYTES } from './limits.ts'

/** A new join token: 48 hexadecimal digits. */
export const newTokenText = (): string => randomBytes(TOKEN_BYTES).toString('hex')

/** How a token stands in storage. A plain hash is enough, since tokens are long and nobody can try them all. */
export const tokenHash = (token: string): Buffer => createHash('sha256').update(token).digest()

/**
 * By what a token is found, listed and removed. It is made of the token by another hash than the one that is compared, so that
 * it may be shown.
 */
export const tokenName = (token: string): string =>
  createHash('sha256')
    .update('teleport join token name v1\0')
    .update(token)
    .digest('hex')
    .slice(0, 16)

/** What is wrong with a token that somebody chose; null: nothing. The words do not repeat it. */
export function tokenProblem(token: string): string | null {
  if (token.length < MIN_TOKEN_CHARS) {
    return `a join token has at least ${MIN_TOKEN_CHARS} characters: make one with "openssl rand -hex 24"`
  }
  if (token.length > MAX_TOKEN_CHARS)
    return `a join token has at most ${MAX_TOKEN_CHARS} characters`
  return TOKEN.test(token)
    ? null
    : 'a join token holds letters, digits and . _ ~ + / = - only, since it goes into command lines and YAML'
}

const TOKEN = /^[A-Za-z0-9._~+/=-]+$/
