import { badRequest, expired } from '../api-error.ts'

/** Where the next page begins, and which revision the list is of. */
export interface Continue {
  readonly revision: number
  readonly after: string
}

export const formatContinue = ({ revision, after }: Continue): string =>
  Buffer.from(JSON.stringify({ v: 'demo/v1', rv: revision, start: after })).toString('base64url')

/** Throws ApiError BadRequest for what is no token of ours. */
export function parseContinue(text: string): Continue {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (typeof parsed === 'object' && parsed !== null && 'rv' in parsed && 'start' in parsed) {
      const { rv, start } = parsed
      if (typeof rv === 'number' && typeof start === 'string') return { revision: rv, after: start }
    }
  } catch {
    // Said below, in the same words.
  }
  throw badRequest('continue key is not valid: it is of another server, or was changed')
}

/** What a client hears whose pages are of a time that is forgotten. */
export const pageExpired = (): Error =>
  expired(
    'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
  )
