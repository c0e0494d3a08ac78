/** Opens watches and holds them: a connection each, or many on HTTP/2 connections. `node bench/watch-client.ts '<json>'` */
import { readFileSync } from 'node:fs'
import { connect as h2Connect } from 'node:http2'
import { connect as tlsConnect } from 'node:tls'

const { host, port, serverName, ca, cert, key, watches, perConnection } = JSON.parse(
  process.argv[2] ?? '{}',
) as {
  host: string
  port: number
  serverName: string
  ca: string
  cert: string
  key: string
  watches: number
  perConnection: number
}
const secrets = {
  ca: readFileSync(ca),
  cert: readFileSync(cert),
  key: readFileSync(key),
  servername: serverName,
}
const path = '/api/v1/namespaces/default/pods?watch=true'

const one = (): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = tlsConnect({ host, port, ...secrets }, () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`),
    )
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('a watch was closed')))
    socket.once('data', () => resolve())
  })

async function many(): Promise<void> {
  const session = h2Connect(`https://${host}:${port}`, {
    ...secrets,
    settings: { initialWindowSize: 65_535 },
  })
  session.on('error', () => {})
  await Promise.all(
    Array.from(
      { length: perConnection },
      () =>
        new Promise<void>((resolve, reject) => {
          const stream = session.request({ ':path': path })
          stream.on('error', reject)
          stream.once('close', () => reject(new Error('a watch was closed')))
          stream.once('data', () => resolve())
        }),
    ),
  )
}

if (perConnection === 1) {
  for (let opened = 0; opened < watches; opened += 50) {
    await Promise.all(Array.from({ length: Math.min(50, watches - opened) }, one))
  }
} else {
  for (let opened = 0; opened < watches; opened += perConnection) await many()
}
process.stdout.write('open\n')
