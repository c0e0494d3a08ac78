import { eventCodes } from '../audit/index.ts'
import { nearest } from '../core/index.ts'
import { ApiError } from './errors.ts'

/** Names of events, comma-separated. Throws ApiError BAD_REQUEST for one that no event has: who looks for it would find nothing, and believe it. */
export function eventNamesOf(text: string): readonly string[] {
  const known = Object.keys(eventCodes)
  return text.split(',').map((part) => {
    const name = part.trim()
    if (known.includes(name)) return name
    const near = nearest(name, known)
    throw new ApiError(
      'BAD_REQUEST',
      `event: no event is called ${JSON.stringify(name)}; ${
        near.length > 0 ? `did you mean ${near.join(' or ')}?` : `there are ${known.join(', ')}`
      }`,
    )
  })
}
