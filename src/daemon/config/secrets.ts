import { readFile } from 'node:fs/promises'
import { fileWords } from '../../core/index.ts'
import {
  type KubeMatcher,
  type MemberService,
  type StaticToken,
  tokenProblem,
} from '../../join/index.ts'
import { DaemonError } from '../errors.ts'

/** A secret as it stands in the configuration: itself, or where it is read when it is needed. */
export type SecretText =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'file'; readonly path: string }

/** A static join token of the configuration file. */
export interface StaticTokenText {
  readonly services: readonly MemberService[]
  readonly secret: SecretText
}

/** The join token itself. Rejects with DaemonError JOIN_TOKEN_UNREADABLE, which never repeats it. */
export async function readJoinToken(secret: SecretText): Promise<string> {
  if (secret.kind === 'value') return secret.value
  const { path } = secret
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new DaemonError(
      'JOIN_TOKEN_UNREADABLE',
      `cannot read the join token from ${path}: ${fileWords(error)}`,
      { cause: error },
    )
  })
  const token = text.trim()
  const problem = tokenProblem(token)
  if (problem === null) return token
  throw new DaemonError('JOIN_TOKEN_UNREADABLE', `${path} holds no join token: ${problem}`)
}

/** The static tokens, those of files read; agents of each may be given these dynamic clusters. */
export const readStaticTokens = (
  texts: readonly StaticTokenText[],
  kubeResources: readonly KubeMatcher[],
): Promise<StaticToken[]> =>
  Promise.all(
    texts.map(async ({ services, secret }) => ({
      services,
      token: await readJoinToken(secret),
      kubeResources,
    })),
  )
