import { createServer, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { StrangerPort } from '../api/index.ts'
import { errorMessage, formatAddress, type Logger } from '../core/index.ts'
import { type ConnectionOrigin, createTlsDoor, type DoorLimits } from '../tls/index.ts'
import { forwardedOrigin } from './client-address.ts'
import {
  MAX_WEB_CONNECTIONS,
  WEB_DOOR_LIMITS,
  WEB_HEADERS_TIMEOUT_MS,
  WEB_KEEP_ALIVE_TIMEOUT_MS,
  WEB_REQUEST_TIMEOUT_MS,
  WEB_TIMEOUTS_CHECKED_MS,
} from './limits.ts'
import type { WebAssets } from './web-assets.ts'
import { type Carry, createCarrier, isCarrierRequest } from './web-carrier.ts'
import type { WebCertificates } from './web-certificates.ts'
import { createInviteRoutes } from './web-invites.ts'
import { answerPage, securityHeaders } from './web-pages.ts'
import { createRecordingRoutes } from './web-recordings.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000
/** A certificate of the host CA lives for a week; one that could not be renewed is tried again in time. */
const NAMELESS_RENEWAL_MS = 24 * 60 * 60 * 1000

/** What the web port answers to browsers: where things are, and the pages of web/. */
export interface WebDoor {
  accept(socket: Duplex, origin: ConnectionOrigin): void
  /** From now on connections inside a WebSocket are taken, and go on there. */
  carryTo(carry: Carry): void
  close(): void
}

export async function openWebDoor(options: {
  readonly certificates: WebCertificates
  readonly clusterName: string
  readonly version: string
  readonly kubeAddress: string | null
  /** Of the authorities that vouch for the auth service now. */
  readonly caPins: () => readonly string[]
  /** The API for whoever looks at the pages. */
  readonly strangers: StrangerPort
  /** Null where the pages are not built. */
  readonly pages: WebAssets | null
  /** The certificate is the administrator's own. */
  readonly strictTransport: boolean
  /** `X-Forwarded-For` is written by a balancer that everybody has to pass. */
  readonly trustForwardedFor: boolean
  readonly limits?: Partial<DoorLimits> & { readonly maxConnections?: number }
  readonly log: Logger
}): Promise<WebDoor> {
  const { clusterName, version, kubeAddress, log } = options
  const headers = Object.entries(securityHeaders(options))
  const routes = [
    createInviteRoutes(options.strangers),
    createRecordingRoutes(options.strangers, log),
  ]
  /** Whose connections are open: the door writes, and no header but a balancer's. */
  const origins = new WeakMap<Socket, ConnectionOrigin>()
  const originOf = ({ socket, headers }: IncomingMessage): ConnectionOrigin => {
    const peer = origins.get(socket) ?? { address: '', port: 0 }
    return options.trustForwardedFor ? forwardedOrigin(headers['x-forwarded-for'], peer) : peer
  }
  let carrier: ReturnType<typeof createCarrier> | null = null
  const timeouts = {
    headersTimeout: WEB_HEADERS_TIMEOUT_MS,
    requestTimeout: WEB_REQUEST_TIMEOUT_MS,
    keepAliveTimeout: WEB_KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: WEB_TIMEOUTS_CHECKED_MS,
  }
  const settings = { ...timeouts, shouldUpgradeCallback: isCarrierRequest }
  const http = createServer(settings, (request, response) => {
    for (const [name, value] of headers) response.setHeader(name, value)
    if (request.url === '/webapi/ping' && request.method === 'GET') {
      const body = {
        cluster_name: clusterName,
        server_version: version,
        ca_pins: options.caPins(),
        proxy: { kube: { enabled: kubeAddress !== null, public_addr: kubeAddress } },
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      return
    }
    const origin = originOf(request)
    const address = formatAddress(origin.address, origin.port)
    if (routes.some((route) => route(request, response, address))) return
    answerPage(options.pages, request, response)
  })
  http.on('upgrade', (request, socket, head) => {
    if (carrier === null) socket.destroy()
    else carrier(request, socket, head, originOf(request))
  })
  http.emit('listening')
  const door = createTlsDoor({
    alpnProtocols: ['http/1.1'],
    requestCertificate: false,
    minVersion: 'TLSv1.2',
    handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    maxConnections: options.limits?.maxConnections ?? MAX_WEB_CONNECTIONS,
    limits: { ...WEB_DOOR_LIMITS, ...options.limits },
    secureContext: (serverName) => options.certificates.secureContext(serverName),
    log,
    onSecured({ socket, origin, hold }) {
      // Whoever he is: the pages know nobody by a certificate. Behind a balancer all are one address, and it has to keep them apart.
      if (!hold(options.trustForwardedFor ? 'a balancer' : null)) return
      origins.set(socket, origin)
      http.emit('connection', socket)
    },
  })
  door.serveNameless(await options.certificates.nameless())
  const renewal = setInterval(() => {
    options.certificates.nameless().then(
      (pair) => door.serveNameless(pair),
      (error: unknown) => log.error({ error: errorMessage(error) }, 'no new certificate'),
    )
  }, NAMELESS_RENEWAL_MS).unref()
  return {
    accept: (socket, origin) => door.accept(socket, origin),
    carryTo(carry) {
      carrier = createCarrier(carry, log)
    },
    close() {
      clearInterval(renewal)
      door.destroy()
      http.close()
    },
  }
}
