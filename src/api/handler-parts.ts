import { ApiError } from './errors.ts'
import { DEFAULT_PAGE_ITEMS } from './limits.ts'

/** What handlers of every kind of resource need. */

export const pageOf = (query: {
  limit?: number
  after?: string
}): { limit: number; after?: string } => ({
  limit: query.limit ?? DEFAULT_PAGE_ITEMS,
  ...(query.after === undefined ? {} : { after: query.after }),
})

/** The contract's arrays are mutable types; what the stores give is not shared, so a copy of the list is enough. */
export const mutable = <T>(page: {
  items: readonly T[]
  next: string | null
}): {
  items: T[]
  next: string | null
} => ({ items: [...page.items], next: page.next })

/** Throws BAD_REQUEST when the name in the path is not the resource's. */
export function sameName(inPath: string, inBody: string): void {
  if (inPath !== inBody) {
    throw new ApiError('BAD_REQUEST', `metadata.name is "${inBody}", the path says "${inPath}"`)
  }
}
