import { createServer } from 'node:http'
import type { Registry } from 'prom-client'
import { listen } from './listen.ts'

/** What `/readyz` tells. Liveness is only that the event loop turns. */
export type Readiness = 'starting' | 'ok' | 'stopping' | 'degraded'

export interface DiagLimits {
  /** A scraper asks in one packet; who does not holds a socket. */
  readonly requestTimeoutMs: number
  readonly timeoutsCheckedMs: number
  /** Scrapers and probes are a handful. */
  readonly maxConnections: number
}

const defaultDiagLimits: DiagLimits = {
  requestTimeoutMs: 10_000,
  timeoutsCheckedMs: 2000,
  maxConnections: 256,
}

export interface Diag extends AsyncDisposable {
  /** The port, for `:0`. */
  readonly port: number
}

/** Serves /healthz, /readyz and /metrics. No TLS and no secrets: bind it to loopback or to the pod's network. */
export async function openDiag(options: {
  readonly host: string
  readonly port: number
  readonly readiness: () => Readiness
  readonly metrics: Registry
  readonly limits?: Partial<DiagLimits>
}): Promise<Diag> {
  const limits: DiagLimits = { ...defaultDiagLimits, ...options.limits }
  const timeouts = {
    headersTimeout: limits.requestTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.timeoutsCheckedMs,
  }
  const server = createServer(timeouts, (request, response) => {
    const json = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    switch ((request.url ?? '/').split('?')[0]) {
      case '/healthz':
        json(200, { status: 'ok' })
        return
      case '/readyz': {
        const status = options.readiness()
        json(READY_STATUS[status], { status, pid: process.pid })
        return
      }
      case '/metrics':
        options.metrics.metrics().then(
          (text) =>
            response.writeHead(200, { 'content-type': options.metrics.contentType }).end(text),
          () => json(500, { status: 'metrics failed' }),
        )
        return
      default:
        json(404, { status: 'there are /healthz, /readyz and /metrics' })
    }
  })
  server.maxConnections = limits.maxConnections
  const port = await listen(server, options.host, options.port)
  return {
    port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** As the original answers: 400 while starting, 503 when it cannot serve. */
const READY_STATUS: Readonly<Record<Readiness, number>> = {
  ok: 200,
  starting: 400,
  stopping: 503,
  degraded: 503,
}
