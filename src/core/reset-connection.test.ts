import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { resetConnection } from './reset-connection.ts'

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

async function connected(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const ours = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const accepted = once(server, 'connection')
  await once(ours, 'connect')
  const [theirs] = (await accepted) as [Socket]
  server.close()
  sockets.push(ours, theirs)
  return [ours, theirs]
}

describe('resetConnection()', () => {
  it('is heard as a reset', async () => {
    const [ours, theirs] = await connected()
    const heard = once(theirs, 'error')
    resetConnection(ours)
    expect(await heard).toMatchObject([{ code: 'ECONNRESET' }])
    expect(ours.destroyed).toBe(true)
  })

  it('closes one that is just being ended', async () => {
    const [ours] = await connected()
    const errors: unknown[] = []
    ours.on('error', (error) => errors.push(error))
    ours.end()
    resetConnection(ours)
    await once(ours, 'close')
    expect(errors).toEqual([])
  })

  it('closes one that does not stand yet, and leaves alone what is closed', async () => {
    const socket = connect({ port: 1, host: '127.0.0.1' })
    sockets.push(socket)
    socket.on('error', () => {})
    resetConnection(socket)
    if (!socket.closed) await once(socket, 'close')
    resetConnection(socket)
    expect(socket.destroyed).toBe(true)
  })
})
