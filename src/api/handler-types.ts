import type {
  BodyOf,
  EndpointName,
  endpoints,
  ParamsOf,
  QueryOf,
  ResponseOf,
} from '../contract/index.ts'
import type { Caller, Member, Person, Stranger } from './context.ts'

/** Who may come to an endpoint: whoever has its rules, each person, each service of the right kind, or anybody at all. */
export type CallerOf<N extends EndpointName> = (typeof endpoints)[N] extends { open: 'anyone' }
  ? Stranger
  : (typeof endpoints)[N] extends { open: 'self' }
    ? Person
    : (typeof endpoints)[N] extends { open: 'member' }
      ? Member
      : Caller

export interface ApiCall<N extends EndpointName> {
  readonly caller: CallerOf<N>
  readonly params: ParamsOf<N>
  readonly query: QueryOf<N>
  readonly body: BodyOf<N>
}

/** One handler per endpoint of the contract; the compiler sees to it that none is missing. */
export type Handlers = {
  readonly [N in EndpointName]: (call: ApiCall<N>) => Promise<ResponseOf<N>>
}
