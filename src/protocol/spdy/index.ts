/**
 * SPDY/3.1 (draft-mbelshe-httpbis-spdy-00 with 3.1's changes), as kubectl and kube-apiserver speak it for exec, attach and
 * port-forward: pure, both roles, frames in and out.
 *
 * Reads all frames of the draft and passes over unknown control frames; writes no SETTINGS and no WINDOW_UPDATE of its own.
 * Trusts nothing in what comes. Refuses: a length before its bytes, headers that unpack to more than the limit, those of all frames
 * together too, a zlib stream that ends or does not stop at a byte, stream numbers that were used. Of a header's values it keeps the
 * first. Limits: limits.ts.
 * Test: zlib judges the headers both ways; any split of the bytes gives the same frames; captures of real kubectls.
 */
export { SpdyError, type SpdyErrorCode } from './errors.ts'
export type { HeaderBlock, ResetStatus } from './frame.ts'
export { headerOf } from './headers.ts'
export { defaultSpdyLimits, type SpdyLimits } from './limits.ts'
export { type SessionEvent, SpdySession } from './session.ts'
