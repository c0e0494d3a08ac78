import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { serverCertificate } from '../../test/support/certificates.ts'
import { hearOut } from './hear-out.ts'

/** More than a socket reads of what nobody asks it for. */
const UNREAD = Buffer.alloc(512 * 1024)

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

/** Two ends of a connection, ours and the API server's, which nobody reads. */
async function connected(): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const ours = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
  const [theirs] = (await once(server, 'connection')) as [Socket]
  server.close()
  sockets.push(ours, theirs)
  return [ours, theirs]
}

async function connectedByTls(): Promise<[Socket, Socket]> {
  const { key, certificate, ca } = await serverCertificate('api.example.com')
  const [raw, accepted] = await connected()
  const theirs = new TLSSocket(accepted, { isServer: true, key, cert: certificate })
  const ours = connectTls({ socket: raw, ca, servername: 'api.example.com' })
  sockets.push(ours, theirs)
  await once(ours, 'secureConnect')
  theirs.pause()
  return [ours, theirs]
}

describe.each([
  ['a connection', connected],
  ['a connection of TLS', connectedByTls],
])('%s whose peer closes without reading', (_name, open) => {
  it('is heard to its end, whatever is written to it', async () => {
    const [ours, theirs] = await open()
    hearOut(ours)
    const failures: unknown[] = []
    ours.on('error', (error) => failures.push(error))
    await new Promise((done) => ours.write(UNREAD, done))
    const closed = new Promise((done) => ours.once('close', done))
    const heard: Buffer[] = []
    ours.on('data', (chunk: Buffer) => heard.push(chunk))
    theirs.write('the last words', () => {
      theirs.destroy()
      // Before anything of it is heard.
      for (let writes = 0; writes < 3; writes += 1) ours.write('more input')
    })
    await closed
    expect(Buffer.concat(heard).toString()).toBe('the last words')
    expect(failures.filter((error) => String(error).includes('write'))).toEqual([])
  })
})
