/**
 * A gateway in a process of its own. Its last argument is JSON (`GatewayProcessOptions`); it prints its port, and says
 * `done` when it has obeyed a line of its standard input.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { createServer as createTlsServer } from 'node:tls'
import { silentLogger } from '../../../src/core/index.ts'
import { createGateway, type Route } from '../../../src/gateway/index.ts'

export interface GatewayProcessOptions {
  /**
   * `honest` is the product's gateway. `hostile` moves bytes until a line tells it otherwise. `impostor` ends the TLS itself
   * and answers.
   */
  readonly kind: 'honest' | 'hostile' | 'impostor'
  readonly servicePort: number
  /** Where the honest one leads names of its test that are not the service's: to something without TLS. */
  readonly plain: { readonly serverName: string; readonly port: number } | null
  /** What the impostor shows. */
  readonly pair: { readonly key: string; readonly certificate: string } | null
  /** Server names that the hostile one puts in the place of another in a ClientHello. */
  readonly rename: { readonly from: string; readonly to: string } | null
}

/** `up` and `down` turn over a bit in whatever comes from then on; `twice` sends the client's bytes twice. */
export const HOSTILE_COMMANDS = ['up', 'down', 'twice', 'replay'] as const
export type HostileCommand = (typeof HOSTILE_COMMANDS)[number]

if (import.meta.main) {
  const options = JSON.parse(process.argv.at(-1) ?? '') as GatewayProcessOptions
  const server = { honest, hostile, impostor }[options.kind](options)
  server.listen(0, '127.0.0.1', () =>
    process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`),
  )
}

function honest({ servicePort, plain }: GatewayProcessOptions): Server {
  const to = (port: number): Route => ({
    kind: 'pipe',
    dial: async () => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      await once(socket, 'connect')
      return socket
    },
  })
  const gateway = createGateway({
    router: {
      route: ({ serverName }) =>
        to(plain !== null && serverName === plain.serverName ? plain.port : servicePort),
    },
    log: silentLogger,
    proxyProtocol: false,
  })
  return createServer({ allowHalfOpen: true }, (socket) => gateway.handle(socket))
}

function hostile({ servicePort, rename }: GatewayProcessOptions): Server {
  const commands = new Set<HostileCommand>()
  const seen: Buffer[][] = []
  createInterface({ input: process.stdin }).on('line', (line) => {
    const command = line as HostileCommand
    if (command !== 'replay') {
      commands.add(command)
      process.stdout.write('done\n')
      return
    }
    void Promise.all(seen.map((chunks) => replay(servicePort, chunks))).then((answers) =>
      process.stdout.write(`replayed ${JSON.stringify(answers)}\ndone\n`),
    )
  })
  return createServer((client) => {
    const service = connect({ port: servicePort, host: '127.0.0.1' })
    const chunks: Buffer[] = []
    seen.push(chunks)
    const end = (): void => {
      client.destroy()
      service.destroy()
    }
    for (const socket of [client, service]) socket.on('error', end).on('close', end)
    client.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      const named = rename === null ? chunk : renamed(chunk, rename)
      service.write(commands.has('up') ? changed(named) : named)
      if (commands.has('twice')) service.write(named)
    })
    service.on('data', (chunk: Buffer) =>
      client.write(commands.has('down') ? changed(chunk) : chunk),
    )
  })
}

/** Sends what a client sent before, in the same pieces, each after the service said something or was silent for a moment. */
async function replay(port: number, chunks: readonly Buffer[]): Promise<string> {
  const socket: Socket = connect({ port, host: '127.0.0.1' })
  let answered = 0
  let closed = false
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  socket.on('data', (chunk: Buffer) => {
    answered += chunk.length
  })
  await once(socket, 'connect')
  for (const chunk of chunks) {
    if (closed) break
    socket.write(chunk)
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  if (!closed) await new Promise((resolve) => setTimeout(resolve, 1000))
  socket.destroy()
  return `${answered} bytes, ${closed ? 'closed' : 'open'}`
}

/** The last byte of a chunk is in the last record's authentication tag. */
function changed(chunk: Buffer): Buffer {
  const copy = Buffer.from(chunk)
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1
  return copy
}

function renamed(chunk: Buffer, { from, to }: { from: string; to: string }): Buffer {
  const at = chunk.indexOf(from)
  if (at === -1) return chunk
  const copy = Buffer.from(chunk)
  copy.write(to, at, 'latin1')
  return copy
}

function impostor({ pair }: GatewayProcessOptions): Server {
  if (pair === null) throw new TypeError('an impostor needs something to show')
  const server = createTlsServer(
    { key: pair.key, cert: pair.certificate, requestCert: true, rejectUnauthorized: false },
    (socket) => {
      socket.on('error', () => {})
      const shown = socket.getPeerX509Certificate()?.subject ?? 'nothing'
      process.stdout.write(`shown ${shown}\n`)
      socket.end('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}')
    },
  )
  server.on('tlsClientError', (error) => process.stdout.write(`refused ${error.message}\n`))
  return server
}
