import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import type { InvitePort } from '../api/index.ts'
import { errorMessage, formatAddress, type Logger } from '../core/index.ts'
import { type ConnectionOrigin, createTlsDoor, type DoorLimits } from '../tls/index.ts'
import {
  MAX_WEB_CONNECTIONS,
  WEB_DOOR_LIMITS,
  WEB_HEADERS_TIMEOUT_MS,
  WEB_KEEP_ALIVE_TIMEOUT_MS,
  WEB_REQUEST_TIMEOUT_MS,
  WEB_TIMEOUTS_CHECKED_MS,
} from './limits.ts'
import type { WebAssets } from './web-assets.ts'
import type { WebCertificates } from './web-certificates.ts'
import { createInviteRoutes } from './web-invites.ts'
import { answerPage, securityHeaders } from './web-pages.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000
/** A certificate of the host CA lives for a week; one that could not be renewed is tried again in time. */
const NAMELESS_RENEWAL_MS = 24 * 60 * 60 * 1000

/** What the web port answers to browsers: where things are, and the pages of web/. */
export interface WebDoor {
  accept(socket: Socket, origin: ConnectionOrigin): void
  close(): void
}

export async function openWebDoor(options: {
  readonly certificates: WebCertificates
  readonly clusterName: string
  readonly version: string
  readonly kubeAddress: string | null
  /** Of the authorities that vouch for the auth service now. */
  readonly caPins: () => readonly string[]
  readonly invites: InvitePort
  /** Null where the pages are not built. */
  readonly pages: WebAssets | null
  /** The certificate is the administrator's own. */
  readonly strictTransport: boolean
  readonly limits?: Partial<DoorLimits>
  readonly log: Logger
}): Promise<WebDoor> {
  const { clusterName, version, kubeAddress, log } = options
  const headers = Object.entries(securityHeaders(options))
  const inviteRoutes = createInviteRoutes(options.invites)
  /** `ip:port` of open connections: the door writes, no header can. */
  const addresses = new WeakMap<Socket, string>()
  const timeouts = {
    headersTimeout: WEB_HEADERS_TIMEOUT_MS,
    requestTimeout: WEB_REQUEST_TIMEOUT_MS,
    keepAliveTimeout: WEB_KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: WEB_TIMEOUTS_CHECKED_MS,
  }
  const http = createServer(timeouts, (request, response) => {
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
    const address = addresses.get(request.socket) ?? 'unknown'
    if (inviteRoutes(request, response, address)) return
    answerPage(options.pages, request, response)
  })
  http.emit('listening')
  const door = createTlsDoor({
    alpnProtocols: ['http/1.1'],
    requestCertificate: false,
    minVersion: 'TLSv1.2',
    handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    maxConnections: MAX_WEB_CONNECTIONS,
    limits: { ...WEB_DOOR_LIMITS, ...options.limits },
    secureContext: (serverName) => options.certificates.secureContext(serverName),
    log,
    onSecured({ socket, origin, hold }) {
      // Whoever he is: the pages know nobody by a certificate.
      if (!hold(null)) return
      addresses.set(socket, formatAddress(origin.address, origin.port))
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
    close() {
      clearInterval(renewal)
      door.destroy()
      http.close()
    },
  }
}
