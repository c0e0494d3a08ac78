import { createHash, randomBytes } from 'node:crypto'
import { TOKEN_BYTES } from './limits.ts'

/** A new secret for a link: 32 hexadecimal digits. */
export const newToken = (): string => randomBytes(TOKEN_BYTES).toString('hex')

/** How a token stands in storage. A plain hash is enough, since nobody can try 2^128 tokens. */
export const tokenHash = (token: string): string => createHash('sha256').update(token).digest('hex')
