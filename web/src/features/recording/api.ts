import { queryOptions } from '@tanstack/react-query'
import type { ResponseOf } from '../../../../src/contract/index.ts'
import { ApiFailure, callApi, readApi, readText } from '../../lib/call-api.ts'
import { type Cast, parseCast } from './parse-cast.ts'

export type RecordingView = ResponseOf<'recording_views.describe'> & {
  /** There is more of it than a page is given. */
  readonly shortened: boolean
}

const pathOf = (id: string): string => `/webapi/recordings/${id}`

/**
 * What is known of a recording. A link is used up first, once; later looks at the page live by the cookie that came for it.
 */
export const viewQuery = (id: string, token: string | null) =>
  queryOptions<RecordingView, ApiFailure>({
    queryKey: ['recording', id, token],
    queryFn: async () => {
      if (token !== null) await openByLink(id, token)
      return readApi<RecordingView>(pathOf(id))
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  })

/** Whoever opens his own link a second time has the cookie still. */
async function openByLink(id: string, token: string): Promise<void> {
  try {
    await callApi('recording_views.open', { id, token })
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.code !== 'RECORDING_LINK_USED') throw error
    await readApi(pathOf(id)).catch(() => {
      throw error
    })
  }
}

export const castQuery = (id: string) =>
  queryOptions<Cast, ApiFailure>({
    queryKey: ['cast', id],
    queryFn: async () => parseCast(await readText(`${pathOf(id)}/cast`)),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  })
