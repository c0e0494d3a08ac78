import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import { errorMessage, type Logger } from '../core/index.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000

/** What the web port answers to browsers: where things are. The console comes to live here. */
export interface WebDoor {
  accept(socket: Socket): void
  close(): void
}

export function createWebDoor(options: {
  readonly secureContext: () => SecureContext
  readonly clusterName: string
  readonly version: string
  readonly kubeAddress: string | null
  readonly log: Logger
}): WebDoor {
  const { clusterName, version, kubeAddress, log } = options
  const http = createServer((request, response) => {
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('content-security-policy', "default-src 'none'")
    if (request.url === '/webapi/ping' && request.method === 'GET') {
      const body = {
        cluster_name: clusterName,
        server_version: version,
        proxy: { kube: { enabled: kubeAddress !== null, public_addr: kubeAddress } },
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      return
    }
    response
      .writeHead(404, { 'content-type': 'text/plain; charset=utf-8' })
      .end('This is a Teleport proxy. It has no web console in this version.\n')
  })
  const sockets = new Set<Socket>()
  return {
    accept(raw) {
      sockets.add(raw)
      raw.once('close', () => sockets.delete(raw))
      const socket = new TLSSocket(raw, {
        isServer: true,
        secureContext: options.secureContext(),
        ALPNProtocols: ['http/1.1'],
      })
      const timer = setTimeout(() => raw.destroy(), HANDSHAKE_TIMEOUT_MS)
      const fail = (error: Error): void => {
        log.debug({ error: errorMessage(error) }, 'web connection failed')
        raw.destroy()
      }
      raw.on('error', fail)
      socket.on('error', fail)
      socket.once('close', () => clearTimeout(timer))
      socket.once('secure', () => {
        clearTimeout(timer)
        http.emit('connection', socket)
      })
    },
    close() {
      for (const socket of sockets) socket.destroy()
    },
  }
}
