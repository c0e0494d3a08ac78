/** What is known of an agent that serves a name. */
export interface Candidate {
  /** Its cluster answers, by its own word. */
  readonly healthy: boolean
  /** It has failed a connection a moment ago, or is silent since it was asked. */
  readonly doubtful: boolean
  readonly streams: number
}

/** Which agents to ask, best first: those that work, then those with fewest connections. */
export function orderAgents<C extends Candidate>(candidates: readonly C[]): C[] {
  const rank = ({ healthy, doubtful }: Candidate): number => (doubtful ? 2 : 0) + (healthy ? 0 : 1)
  return candidates.toSorted((one, other) => rank(one) - rank(other) || one.streams - other.streams)
}
