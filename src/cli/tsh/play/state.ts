import type { Key } from '../../terminal/keys.ts'

/** How far an arrow key goes. */
export const SEEK_MS = 5000
/** What the keys step through; `--speed` may say another. */
const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 3, 4, 8, 16] as const
export const MIN_SPEED = 0.1
export const MAX_SPEED = 100

interface Clock {
  /** How far the session has been shown, in milliseconds of its own time. */
  readonly positionMs: number
  readonly speed: number
  readonly help: boolean
}

/** What the player is about. */
export type PlayerState =
  | (Clock & { readonly kind: 'playing' })
  | (Clock & { readonly kind: 'paused' })
  /** Shows one frame, whenever it comes. */
  | (Clock & { readonly kind: 'stepping' })
  /** On the way to a time, as fast as it goes; backwards means from the beginning. */
  | (Clock & {
      readonly kind: 'seeking'
      readonly targetMs: number
      readonly resume: 'playing' | 'paused'
    })
  | (Clock & { readonly kind: 'ended' })
  | (Clock & { readonly kind: 'quit' })

export type PlayerEvent =
  | { readonly type: 'key'; readonly key: Key }
  /** So much time of the viewer went by. */
  | { readonly type: 'elapsed'; readonly ms: number }
  /** The frame of this time is on the screen. */
  | { readonly type: 'shown'; readonly atMs: number }
  /** The screen is empty, and the first frame comes next. */
  | { readonly type: 'rewound' }
  /** There is nothing between here and where a seek leads. */
  | { readonly type: 'arrived' }
  /** There are no more frames. */
  | { readonly type: 'ran-out' }

/** What has to be done now. */
export type PlayerStep =
  | { readonly do: 'show' }
  | { readonly do: 'rewind' }
  | { readonly do: 'arrive' }
  | { readonly do: 'run-out' }
  /** Nothing, for so long in time of the viewer; null: until a key comes. */
  | { readonly do: 'wait'; readonly ms: number | null }
  | { readonly do: 'quit' }

export const initialPlayer = (speed: number): PlayerState => ({
  kind: 'playing',
  positionMs: 0,
  speed,
  help: false,
})

/** `upcomingMs`: when the next frame is due, in time of the session; null: there is none. */
export function nextStep(state: PlayerState, upcomingMs: number | null): PlayerStep {
  switch (state.kind) {
    case 'quit':
      return { do: 'quit' }
    case 'paused':
    case 'ended':
      return { do: 'wait', ms: null }
    case 'stepping':
      return { do: upcomingMs === null ? 'run-out' : 'show' }
    case 'seeking':
      if (state.targetMs < state.positionMs) return { do: 'rewind' }
      if (upcomingMs === null) return { do: 'run-out' }
      return { do: upcomingMs <= state.targetMs ? 'show' : 'arrive' }
    case 'playing':
      if (upcomingMs === null) return { do: 'run-out' }
      if (upcomingMs <= state.positionMs) return { do: 'show' }
      return { do: 'wait', ms: (upcomingMs - state.positionMs) / state.speed }
  }
}

/** The state after an event. */
export function transition(state: PlayerState, event: PlayerEvent): PlayerState {
  switch (event.type) {
    case 'key':
      return pressed(state, event.key)
    case 'elapsed':
      return state.kind === 'playing'
        ? { ...state, positionMs: state.positionMs + event.ms * state.speed }
        : state
    case 'shown': {
      const positionMs = Math.max(state.positionMs, event.atMs)
      return state.kind === 'stepping'
        ? { ...clockOf(state), kind: 'paused', positionMs }
        : { ...state, positionMs }
    }
    case 'rewound':
      return { ...state, positionMs: 0 }
    case 'arrived':
      return state.kind === 'seeking'
        ? { ...clockOf(state), kind: state.resume, positionMs: state.targetMs }
        : state
    case 'ran-out':
      return state.kind === 'quit' ? state : { ...clockOf(state), kind: 'ended' }
  }
}

const clockOf = ({ positionMs, speed, help }: PlayerState): Clock => ({ positionMs, speed, help })

function pressed(state: PlayerState, key: Key): PlayerState {
  const name = key.type === 'char' ? key.char : key.name
  if (name === 'q' || name === 'ctrl-c') return { ...clockOf(state), kind: 'quit' }
  if (name === '?' || name === 'h') return { ...state, help: !state.help }
  if (state.help && name === 'escape') return { ...state, help: false }
  switch (name) {
    case ' ':
      return toggled(state)
    case '.':
      return state.kind === 'paused' ? { ...clockOf(state), kind: 'stepping' } : state
    case 'left':
      return sought(state, aim(state) - SEEK_MS)
    case 'right':
      return sought(state, aim(state) + SEEK_MS)
    case 'home':
    case 'g':
      return sought(state, 0)
    case 'end':
    case 'G':
      return sought(state, Number.POSITIVE_INFINITY)
    case 'up':
    case '+':
    case '=':
      return { ...state, speed: SPEEDS.find((speed) => speed > state.speed) ?? state.speed }
    case 'down':
    case '-':
      return { ...state, speed: SPEEDS.findLast((speed) => speed < state.speed) ?? state.speed }
    default:
      return state
  }
}

/** Where it is, or will be. */
const aim = (state: PlayerState): number =>
  state.kind === 'seeking' && state.targetMs !== Number.POSITIVE_INFINITY
    ? state.targetMs
    : state.positionMs

function toggled(state: PlayerState): PlayerState {
  switch (state.kind) {
    case 'playing':
      return { ...state, kind: 'paused' }
    case 'paused':
    case 'stepping':
      return { ...state, kind: 'playing' }
    case 'seeking':
      return { ...state, resume: state.resume === 'playing' ? 'paused' : 'playing' }
    case 'ended':
      return { ...clockOf(state), kind: 'seeking', targetMs: 0, resume: 'playing' }
    case 'quit':
      return state
  }
}

function sought(state: PlayerState, targetMs: number): PlayerState {
  if (state.kind === 'quit') return state
  const wasPlaying = state.kind === 'seeking' ? state.resume === 'playing' : state.kind !== 'paused'
  // Beyond the end there is nothing: whoever is there stays.
  if (state.kind === 'ended' && targetMs >= state.positionMs) return state
  return {
    ...clockOf(state),
    kind: 'seeking',
    targetMs: Math.max(0, targetMs),
    resume: wasPlaying ? 'playing' : 'paused',
  }
}
