import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/core/index.ts'
import { openWebDoor } from '../../../src/daemon/web.ts'
import { createServerContext } from '../../../src/tls/index.ts'
import { serverCertificate } from '../../support/certificates.ts'

const NAME = 'teleport.example.com'
const refuse = async (): Promise<never> => {
  throw new Error('no link is used here')
}

describe('the web port', () => {
  const stack: (() => void)[] = []
  afterEach(() => {
    for (const undo of stack.splice(0).reverse()) undo()
  })

  async function open(
    addressOf: (connection: number) => string,
    limits: Parameters<typeof openWebDoor>[0]['limits'] = {
      maxStrangers: 5,
      maxStrangersPerAddress: 3,
    },
  ): Promise<() => Promise<string>> {
    const pair = await serverCertificate(NAME)
    const context = createServerContext({ ...pair, minVersion: 'TLSv1.2' })
    const door = await openWebDoor({
      certificates: { secureContext: async () => context, nameless: async () => pair },
      clusterName: 'example.com',
      version: '1',
      kubeAddress: null,
      caPins: () => [],
      strangers: { call: refuse },
      pages: null,
      strictTransport: false,
      trustForwardedFor: false,
      limits,
      log: silentLogger,
    })
    let accepted = 0
    const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
      door.accept(socket, { address: addressOf(accepted), port: 4711 })
      accepted += 1
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    stack.push(
      () => void server.close(),
      () => door.close(),
    )
    const { port } = server.address() as AddressInfo
    /** Asks for something and keeps the connection: the first line of the answer, or "closed". */
    return async () => {
      const socket: TLSSocket = connect({
        port,
        host: '127.0.0.1',
        servername: NAME,
        ca: pair.ca,
      })
      stack.push(() => socket.destroy())
      socket.write('GET /webapi/ping HTTP/1.1\r\nhost: x\r\n\r\n')
      return new Promise((resolve) => {
        socket.once('data', (chunk: Buffer) => resolve(chunk.toString().split('\r\n')[0] ?? ''))
        socket.once('error', () => resolve('closed'))
        socket.once('close', () => resolve('closed'))
      })
    }
  }

  it('serves so many connections of one address, and then those of others', async () => {
    const ask = await open((connection) => (connection < 5 ? '192.0.2.1' : '192.0.2.2'))
    const answers: string[] = []
    for (let count = 0; count < 6; count += 1) answers.push(await ask())
    expect(answers).toEqual([
      ...Array.from({ length: 3 }, () => 'HTTP/1.1 200 OK'),
      'closed',
      'closed',
      'HTTP/1.1 200 OK',
    ])
  })

  it('holds only so many connections in all', async () => {
    const ask = await open((connection) => `192.0.2.${connection}`, { maxConnections: 2 })
    expect([await ask(), await ask(), await ask()]).toEqual([
      'HTTP/1.1 200 OK',
      'HTTP/1.1 200 OK',
      'closed',
    ])
  })

  it('counts the addresses of one IPv6 network together', async () => {
    const ask = await open((connection) => `2001:db8:1:2::${connection + 1}`)
    const answers: string[] = []
    for (let count = 0; count < 4; count += 1) answers.push(await ask())
    expect(answers.at(-1)).toBe('closed')
  })
})
