import { queryOptions, type UseMutationOptions } from '@tanstack/react-query'
import type { BodyOf, ResponseOf } from '../../../../src/contract/index.ts'
import { type ApiFailure, callApi } from '../../lib/call-api.ts'

export type Invite = ResponseOf<'invites.describe'>

/** What a link is for. Asked once: the secret of its one-time codes must not change under the person's camera. */
export const inviteQuery = (token: string) =>
  queryOptions<Invite, ApiFailure>({
    queryKey: ['invite', token],
    queryFn: () => callApi('invites.describe', { token }),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  })

export const acceptInvite: UseMutationOptions<
  ResponseOf<'invites.accept'>,
  ApiFailure,
  BodyOf<'invites.accept'>
> = {
  mutationFn: (body) => callApi('invites.accept', body),
  // The password is in the variables.
  gcTime: 0,
}
