import type { BodyOf, EndpointName, ParamsOf, QueryOf, ResponseOf } from '../contract/index.ts'

/** What members call; what else there is, is not for them. */
export type MemberEndpoint = Extract<EndpointName, `member.${string}`>

/** Calls the auth service, as whoever we are now. Rejects as ApiClient does. */
export type MemberCall = <N extends MemberEndpoint>(
  name: N,
  input: {
    readonly params?: ParamsOf<N>
    readonly query?: QueryOf<N>
    readonly body?: BodyOf<N>
  },
) => Promise<ResponseOf<N>>
