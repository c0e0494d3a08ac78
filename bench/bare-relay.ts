/**
 * As little as a relay in Node can do, beside which the product's cost is read: accepts, dials, moves bytes; with `tls` it ends TLS for
 * clients that must have a certificate, and speaks TLS to the server, resuming its sessions. `node bench/bare-relay.ts '<json>'`
 */
import { connect, createServer, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'

const { port, to, tls } = JSON.parse(process.argv[2] ?? '{}') as {
  port: number
  to: number
  tls: { key: string; cert: string; ca: string; serverName: string } | null
}

function join(client: Socket, server: Socket): void {
  client.on('error', () => server.destroy())
  server.on('error', () => client.destroy())
  client.pipe(server)
  server.pipe(client)
}

if (tls === null) {
  const server = createServer({ noDelay: true }, (client) => {
    join(client, connect({ port: to, host: '127.0.0.1', noDelay: true }))
  })
  server.listen(port, '127.0.0.1')
} else {
  let session: Buffer | undefined
  const { key, cert, ca, serverName: servername } = tls
  const options = {
    key,
    cert,
    ca,
    requestCert: true,
    minVersion: 'TLSv1.3',
    noDelay: true,
  } as const
  const server = createTlsServer(options, (client) => {
    const up = connectTls({
      port: to,
      host: '127.0.0.1',
      ca,
      servername,
      ALPNProtocols: ['http/1.1'],
      ...(session === undefined ? {} : { session }),
    })
    up.setNoDelay()
    up.on('session', (given) => {
      session = given
    })
    join(client, up)
  })
  server.on('tlsClientError', () => {})
  server.listen(port, '127.0.0.1')
}
