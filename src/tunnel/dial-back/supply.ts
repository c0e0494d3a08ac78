import { isWithin } from '../../core/index.ts'
import type { TunnelLimits } from '../limits.ts'

/** How a tunnel is supplied with connections that its agent dials back. */
export type Supply =
  /** Nobody has come yet: an agent that is not used costs nothing. */
  | { readonly kind: 'unasked' }
  /** The agent was asked whether it dials back. */
  | { readonly kind: 'asked' }
  /** One is ordered, to see whether the network lets it come. Nobody waits for it. */
  | { readonly kind: 'proving'; readonly failures: number }
  /** They come. */
  | ({ readonly kind: 'supplied' } & Stock)
  /** They did not come: tried again after a while. */
  | {
      readonly kind: 'resting'
      readonly failures: number
      readonly sinceMs: number
      readonly forMs: number
    }
  /** Never in this tunnel: an older agent, one that may not, or one that leaves. */
  | { readonly kind: 'refused' }

interface Stock {
  readonly ordered: number
  /** Here, and nobody's yet. */
  readonly warm: number
  /** People who wait for one. */
  readonly waiting: number
  /** How many are to be warm. */
  readonly target: number
  /** People who came since the last look. */
  readonly used: number
  /** Looks without people. */
  readonly idle: number
  /** Orders that failed, and connections that stayed silent, since one was answered. */
  readonly misses: number
}

export type SupplyEvent =
  /** Somebody's connection wants to go to the agent. */
  | { readonly kind: 'wanted' }
  /** The agent dials back. */
  | { readonly kind: 'offered' }
  /** It does not, or does no more. */
  | { readonly kind: 'refused' }
  /** A connection with one of our tickets is here. */
  | { readonly kind: 'arrived' }
  /** Nothing has come of an order. */
  | { readonly kind: 'missed' }
  /** A warm one is gone. */
  | { readonly kind: 'lost' }
  /** Somebody waits no more. */
  | { readonly kind: 'left' }
  /** The agent has answered somebody through a dial-back. */
  | { readonly kind: 'answered' }
  /** It was given somebody's connection and said nothing. */
  | { readonly kind: 'silent' }
  /** Every `lookMs`. */
  | { readonly kind: 'look' }

export type SupplyEffect =
  | { readonly kind: 'ask' }
  | { readonly kind: 'order'; readonly count: number }
  /** Whoever waits longest gets the connection that is warm longest. */
  | { readonly kind: 'bind' }
  /** Everybody who waits goes as a stream of the tunnel. */
  | { readonly kind: 'release' }
  /** So many of those who came last do. */
  | { readonly kind: 'overflow'; readonly count: number }
  /** So many warm ones are closed. */
  | { readonly kind: 'shed'; readonly count: number }
  /** Orders count no more. */
  | { readonly kind: 'void' }

export interface SupplyStep {
  readonly state: Supply
  readonly effects: readonly SupplyEffect[]
}

type Limits = Pick<
  TunnelLimits,
  | 'minWarm'
  | 'maxWarm'
  | 'maxOrdered'
  | 'maxMisses'
  | 'dialBackRestMs'
  | 'maxDialBackRestMs'
  | 'idleLooks'
>

interface Circumstances {
  readonly nowMs: number
  /** How many may be ordered now; the one that proves the network comes on top. */
  readonly mayOrder: number
  readonly limits: Limits
}

/** Who comes waits already: without `bind`, `release` or `overflow` he goes on waiting. */
export function stepSupply(
  state: Supply,
  event: SupplyEvent,
  circumstances: Circumstances,
): SupplyStep {
  const { nowMs, limits } = circumstances
  const stay: SupplyStep = { state, effects: [] }
  if (event.kind === 'refused') return refuse(state)
  switch (state.kind) {
    case 'unasked':
      return event.kind === 'wanted'
        ? { state: { kind: 'asked' }, effects: [{ kind: 'ask' }, { kind: 'release' }] }
        : stay
    case 'asked':
      if (event.kind === 'wanted') return { state, effects: [{ kind: 'release' }] }
      return event.kind === 'offered' ? prove(0) : stay
    case 'proving':
      if (event.kind === 'wanted') return { state, effects: [{ kind: 'release' }] }
      if (event.kind === 'missed') return rest(state.failures + 1, nowMs, limits)
      return event.kind === 'arrived' ? topUp(firstStock(limits), [], circumstances) : stay
    case 'resting': {
      if (event.kind !== 'wanted') return stay
      const release = { kind: 'release' } as const
      if (isWithin(state.forMs, state.sinceMs, nowMs)) return { state, effects: [release] }
      const { state: proving, effects } = prove(state.failures)
      return { state: proving, effects: [release, ...effects] }
    }
    case 'supplied':
      return stepStock(state, event, circumstances)
    case 'refused':
      return event.kind === 'wanted' ? { state, effects: [{ kind: 'release' }] } : stay
  }
}

function stepStock(
  stock: Extract<Supply, { kind: 'supplied' }>,
  event: SupplyEvent,
  circumstances: Circumstances,
): SupplyStep {
  const { nowMs, limits } = circumstances
  switch (event.kind) {
    case 'wanted': {
      const used = { ...stock, used: stock.used + 1, idle: 0 }
      return stock.warm > 0
        ? topUp({ ...used, warm: stock.warm - 1 }, [{ kind: 'bind' }], circumstances)
        : topUp({ ...used, waiting: stock.waiting + 1 }, [], circumstances)
    }
    case 'arrived': {
      const ordered = stock.ordered - 1
      return stock.waiting > 0
        ? topUp(
            { ...stock, ordered, waiting: stock.waiting - 1 },
            [{ kind: 'bind' }],
            circumstances,
          )
        : { state: { ...stock, ordered, warm: stock.warm + 1 }, effects: [] }
    }
    case 'lost':
      return topUp({ ...stock, warm: stock.warm - 1 }, [], circumstances)
    case 'left':
      return { state: { ...stock, waiting: stock.waiting - 1 }, effects: [] }
    case 'answered':
      return stock.misses === 0
        ? { state: stock, effects: [] }
        : { state: { ...stock, misses: 0 }, effects: [] }
    case 'missed':
    case 'silent': {
      const ordered = event.kind === 'missed' ? stock.ordered - 1 : stock.ordered
      const misses = stock.misses + 1
      if (misses < limits.maxMisses) return topUp({ ...stock, ordered, misses }, [], circumstances)
      const { state, effects } = rest(1, nowMs, limits)
      return { state, effects: [...empty(stock), ...effects] }
    }
    case 'look': {
      const idle = stock.used > 0 ? 0 : stock.idle + 1
      // An agent that nobody uses keeps none, and is still known to dial back.
      const target =
        idle >= limits.idleLooks
          ? 0
          : Math.min(limits.maxWarm, Math.max(limits.minWarm, stock.used))
      const spare = Math.max(0, stock.warm - target)
      const next = { ...stock, used: 0, idle, target, warm: stock.warm - spare }
      return topUp(next, spare > 0 ? [{ kind: 'shed', count: spare }] : [], circumstances)
    }
    default:
      return { state: stock, effects: [] }
  }
}

const firstStock = ({ minWarm }: Limits): Extract<Supply, { kind: 'supplied' }> => ({
  kind: 'supplied',
  ordered: 0,
  warm: 1,
  waiting: 0,
  target: minWarm,
  used: 1,
  idle: 0,
  misses: 0,
})

/** Orders what is missing for those who wait and for the target. Nobody waits for what may not be ordered now. */
function topUp(
  stock: Extract<Supply, { kind: 'supplied' }>,
  effects: readonly SupplyEffect[],
  { mayOrder, limits: { maxOrdered } }: Circumstances,
): SupplyStep {
  const missing = stock.waiting + stock.target - stock.warm - stock.ordered
  const wanted = Math.min(missing, maxOrdered - stock.ordered)
  const count = Math.max(0, Math.min(wanted, mayOrder))
  const ordered = stock.ordered + count
  const overflow = count < wanted ? Math.max(0, stock.waiting - ordered) : 0
  return {
    state: { ...stock, ordered, waiting: stock.waiting - overflow },
    effects: [
      ...effects,
      ...(count > 0 ? [{ kind: 'order', count } as const] : []),
      ...(overflow > 0 ? [{ kind: 'overflow', count: overflow } as const] : []),
    ],
  }
}

const prove = (failures: number): SupplyStep => ({
  state: { kind: 'proving', failures },
  effects: [{ kind: 'order', count: 1 }],
})

function rest(failures: number, nowMs: number, limits: Limits): SupplyStep {
  const { dialBackRestMs, maxDialBackRestMs } = limits
  const forMs = Math.min(maxDialBackRestMs, dialBackRestMs * 2 ** Math.min(failures - 1, 16))
  return {
    state: { kind: 'resting', failures, sinceMs: nowMs, forMs },
    effects: [{ kind: 'void' }],
  }
}

function refuse(state: Supply): SupplyStep {
  const effects = state.kind === 'supplied' ? empty(state) : []
  return { state: { kind: 'refused' }, effects: [...effects, { kind: 'void' }] }
}

const empty = ({ warm }: Stock): SupplyEffect[] => [
  { kind: 'release' },
  ...(warm > 0 ? [{ kind: 'shed', count: warm } as const] : []),
]
