/** Numbers of a SPDY peer, each with its reason. */
export interface SpdyLimits {
  /** Of a control frame: header blocks of Kubernetes clients are a few hundred bytes, but commands stand in the URL. */
  readonly maxControlBytes: number
  /** Of a data frame. Go's `io.Copy` writes 32 KiB at a time; whoever writes more at once writes a little more. */
  readonly maxDataBytes: number
  /** Of one header block when it is unpacked: a few bytes can become many. */
  readonly maxHeaderBytes: number
  readonly maxHeaders: number
  /** Open at a time. exec uses five, a port-forward two for each connection. */
  readonly maxStreams: number
}

export const defaultSpdyLimits: SpdyLimits = {
  maxControlBytes: 64 * 1024,
  maxDataBytes: 1024 * 1024,
  maxHeaderBytes: 64 * 1024,
  maxHeaders: 64,
  maxStreams: 512,
}
