/**
 * waits is for loops that go on until somebody stops them: a pause that a signal ends. It has a room of its own, since core has no
 * timers, and whoever ships events, follows state or looks at clusters has nothing else in common.
 *
 * Trusts: its caller to look at the signal afterwards. Test: unit tests beside the code.
 */
export { pause } from './pause.ts'
