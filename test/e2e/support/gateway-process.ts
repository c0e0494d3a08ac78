/**
 * A gateway in a process of its own. Its last argument is JSON (`GatewayProcessOptions`); it prints its port, and says
 * `done` when it has obeyed a line of its standard input.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls'
import { silentLogger } from '../../../src/core/index.ts'
import { createGateway, type Route } from '../../../src/gateway/index.ts'

export interface GatewayProcessOptions {
  /**
   * `honest` is the product's gateway. `hostile` moves bytes until a line tells it otherwise. `impostor` ends the TLS itself
   * and answers; `middle` ends it, asks the service whatever it is asked, and keeps every word.
   */
  readonly kind: 'honest' | 'hostile' | 'impostor' | 'middle'
  readonly servicePort: number
  /** Where the honest one leads names of its test that are not the service's: to something without TLS. */
  readonly plain: { readonly serverName: string; readonly port: number } | null
  /** What the impostor shows, and the one in the middle. */
  readonly pair: { readonly key: string; readonly certificate: string } | null
  /** The authority that the one in the middle says is the auth service's; null: it leaves what that says. */
  readonly hostCa: string | null
  /** Server names that the hostile one puts in the place of another in a ClientHello. */
  readonly rename: { readonly from: string; readonly to: string } | null
}

/**
 * `up` and `down` turn over a bit in whatever comes from then on, `body` in what the client says that is too long for a
 * question; `twice` sends the client's bytes twice, `replay` those of all connections so far once more.
 */
export const HOSTILE_COMMANDS = ['up', 'down', 'body', 'twice', 'replay'] as const
export type HostileCommand = (typeof HOSTILE_COMMANDS)[number]

if (import.meta.main) {
  const options = JSON.parse(process.argv.at(-1) ?? '') as GatewayProcessOptions
  const server = { honest, hostile, impostor, middle }[options.kind](options)
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
      const alter = commands.has('up') || (commands.has('body') && isBody(chunk))
      service.write(alter ? changed(named) : named)
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

/** No handshake in clear (RFC 8446, 5.1: 22), and longer than a Finished and a GET of ours. */
const isBody = (chunk: Buffer): boolean => chunk[0] !== 22 && chunk.length > 400

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

/** Whoever asks is asked again at the service, as if by somebody else, and hears what it said. */
function middle({ pair, servicePort, hostCa }: GatewayProcessOptions): Server {
  if (pair === null) throw new TypeError('somebody in the middle needs something to show')
  const heard: Buffer[] = []
  createInterface({ input: process.stdin }).on('line', () => {
    const text = Buffer.concat(heard).toString('latin1')
    process.stdout.write(`heard ${JSON.stringify(text)}\ndone\n`)
  })
  return createTlsServer({ key: pair.key, cert: pair.certificate }, (socket) => {
    const name = typeof socket.servername === 'string' ? socket.servername : 'localhost'
    const far = tlsConnect({
      port: servicePort,
      host: '127.0.0.1',
      servername: name,
      rejectUnauthorized: false,
    })
    socket.on('data', (chunk: Buffer) => {
      heard.push(chunk)
      far.write(chunk)
    })
    far.on('data', (chunk: Buffer) => {
      heard.push(chunk)
      socket.write(hostCa === null ? chunk : withAuthority(chunk, hostCa))
    })
    const end = (): void => {
      socket.destroy()
      far.destroy()
    }
    for (const each of [socket, far]) each.on('error', end).on('close', end)
  })
}

/** An answer with another authority in it, padded to the length that its head announces. */
function withAuthority(chunk: Buffer, hostCa: string): Buffer {
  return Buffer.from(
    chunk.toString('latin1').replace(/"host_ca":"[^"]*"/, (whole) => {
      const other = `"host_ca":${JSON.stringify(hostCa)}`
      return other.padEnd(whole.length, ' ')
    }),
    'latin1',
  )
}
