/** Numbers of this room, each with its reason. Tests and operators with odd networks override single ones. */
export interface UpstreamLimits {
  /** TCP, proxy and TLS handshake together. A reachable API server answers in under a second, a far one in three. */
  readonly connectTimeoutMs: number
  /**
   * Idle time after which a pooled HTTP/1.1 connection is closed by us. kube-apiserver closes after 90 s
   * (`IdleTimeout` in apiserver/pkg/server/secure_serving.go), the load balancers of kubeadm's high-availability guide
   * after 20 to 35 s. Being first by far means that a POST never races a close.
   */
  readonly keepAliveMs: number
  /**
   * Short requests that may wait for an answer at the same time, more queue. Above kube-apiserver's own
   * 400 + 200 in flight (`--max-requests-inflight`), so that we are never the narrower place.
   */
  readonly maxActiveRequests: number
  /**
   * Short requests in all, those included whose reader has stopped: they do not count as active, so that a thousand
   * stalled readers do not starve the others, but each holds a socket.
   */
  readonly maxOpenRequests: number
  /** Short requests that wait for a turn. Beyond this the API server hangs and an honest error is better. */
  readonly maxQueuedRequests: number
  /**
   * The part of the three numbers above that one user's requests may take. A quarter is left for the others,
   * whatever he does.
   */
  readonly userShare: number
  /** Response heads. kube-apiserver never sends more, Node's 16 KiB is less than some proxies' cookies. */
  readonly maxResponseHeaderBytes: number
  /** First TCP keep-alive probe; nine more follow at 1 s (libuv), so a silent dead peer is found within 15 s. */
  readonly tcpKeepAliveMs: number
  /** How often an HTTP/2 connection is pinged, and the time given to the answer: together less than 15 s. */
  readonly pingIntervalMs: number
  readonly pingTimeoutMs: number
  /** Streams that share one HTTP/2 connection; the server's own limit (100 in kube-apiserver) when it is lower. */
  readonly maxStreamsPerSession: number
  /** An HTTP/2 connection without streams is closed after this; kube-apiserver's idle timeout is 90 s. */
  readonly sessionIdleMs: number
  /**
   * Bytes that one stalled watch or log may hold in our memory. 256 KiB give 250 MB/s at 1 ms round trip; kube-apiserver
   * itself grants uploads as much.
   */
  readonly streamWindowBytes: number
  /** For all streams of a connection together. Node acknowledges it at once, so it limits speed only, not memory. */
  readonly sessionWindowBytes: number
  /** HTTP/2 DATA frames: 64 KiB halve the per-frame cost of Node's 16 KiB. */
  readonly maxFrameBytes: number
  /** Node's 10 MB end a connection with 40 stalled streams. All windows full, plus headers. */
  readonly maxSessionMemoryMb: number
  /** HTTP/2 header lists in both directions: 200 impersonated groups and a long label selector. */
  readonly maxHeaderListBytes: number
  /** Header entries of an HTTP/2 response, beyond Node's 128. */
  readonly maxHeaderListPairs: number
  /** How long a server that did not offer HTTP/2 is not asked again. */
  readonly http2RecheckMs: number
  /** Token, certificate and CA files are read again at most this often. kubelet and cert-manager rotate hours ahead. */
  readonly fileRecheckMs: number
  /** An exec plugin that takes longer is killed; `aws eks get-token` takes 1 to 5 s. */
  readonly execTimeoutMs: number
  /** What an exec plugin may print: a token or a certificate chain with its key. */
  readonly maxExecOutputBytes: number
  /** An exec credential is renewed this long before it expires, in the background. */
  readonly execRenewMarginMs: number
  /** First pause after a failed exec plugin; doubled per failure up to the maximum. */
  readonly execBackoffMs: number
  readonly maxExecBackoffMs: number
  /**
   * A 401 renews a credential at most this often: a Service behind `services/proxy` can answer 401 too, and must not make
   * us run the plugin for each request.
   */
  readonly refusalIntervalMs: number
  /** Each request of the self-check. */
  readonly selfCheckTimeoutMs: number
  /** The question whether the API server is ready, which is asked every few seconds. */
  readonly probeTimeoutMs: number
  /**
   * Time without any byte after which connections are dead whose API server does not answer the question whether it is ready
   * either, nor a fresh TLS handshake. As long as the answer to a PING may take; with the pause between two questions less than 15 s.
   */
  readonly silenceMs: number
}

export const defaultUpstreamLimits: UpstreamLimits = {
  connectTimeoutMs: 10_000,
  keepAliveMs: 15_000,
  maxActiveRequests: 768,
  maxOpenRequests: 8_192,
  maxQueuedRequests: 10_000,
  userShare: 0.75,
  maxResponseHeaderBytes: 1024 * 1024,
  tcpKeepAliveMs: 4000,
  pingIntervalMs: 5000,
  pingTimeoutMs: 8000,
  maxStreamsPerSession: 100,
  sessionIdleMs: 60_000,
  streamWindowBytes: 256 * 1024,
  sessionWindowBytes: 8 * 1024 * 1024,
  maxFrameBytes: 64 * 1024,
  maxSessionMemoryMb: 64,
  maxHeaderListBytes: 1024 * 1024,
  maxHeaderListPairs: 2000,
  http2RecheckMs: 300_000,
  fileRecheckMs: 10_000,
  execTimeoutMs: 60_000,
  maxExecOutputBytes: 1024 * 1024,
  execRenewMarginMs: 60_000,
  execBackoffMs: 1_000,
  maxExecBackoffMs: 60_000,
  refusalIntervalMs: 10_000,
  selfCheckTimeoutMs: 15_000,
  probeTimeoutMs: 5000,
  silenceMs: 8000,
}
