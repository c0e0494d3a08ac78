/** Numbers of a SPDY peer, each with its reason. */
export interface SpdyLimits {
  /** Of a control frame: what opens a stream is the largest, and headers that were packed in vain are a little larger than they are. */
  readonly maxControlBytes: number
  /** Of a data frame: as large as one can be, as for kubelets. Old clients in Go write all of their input at once, and its bytes go on as they come. */
  readonly maxDataBytes: number
  /** Of one header block when it is unpacked: a few bytes can become many. Kubernetes' have some 60, with a request id of our longest 200: commands stand in the URL. */
  readonly maxHeaderBytes: number
  /** Kubernetes' blocks have three. */
  readonly maxHeaders: number
  /** Of all header blocks of a connection, packed and unpacked together: not every frame that carries one is answered, so nothing else slows down who sends them. */
  readonly maxConnectionHeaderBytes: number
  /** So much more for each stream that either side opens: such a frame is answered, and who does not read the answers is not heard. */
  readonly streamHeaderBytes: number
  /** Open at a time. exec uses five, a port-forward two for each connection. */
  readonly maxStreams: number
}

export const defaultSpdyLimits: SpdyLimits = {
  maxControlBytes: 8 * 1024,
  maxDataBytes: 0xffffff,
  maxHeaderBytes: 4 * 1024,
  maxHeaders: 16,
  maxConnectionHeaderBytes: 64 * 1024,
  streamHeaderBytes: 512,
  maxStreams: 512,
}
