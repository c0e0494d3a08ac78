import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { defaultStreamLimits } from './limits.ts'
import { SpdyLink } from './spdy-link.ts'
import { WebSocketLink } from './websocket-link.ts'

const EMPTY = Buffer.alloc(0)
const PROBE_MS = 20

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

/** Two ends of a connection of the kernel's: ours, and the client's. */
async function connected(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const theirs = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
  const [ours] = (await once(server, 'connection')) as [Socket]
  server.close()
  theirs.on('error', () => {})
  sockets.push(ours, theirs)
  return [ours, theirs]
}

/** Ours is paused, and more has come than it takes in. */
async function stuck(theirs: Socket): Promise<void> {
  while (theirs.write(Buffer.alloc(64 * 1024))) await new Promise((done) => setImmediate(done))
}

const links = {
  'a WebSocket': (ours: Socket, closed: () => void): void => {
    const link = new WebSocketLink('server', ours, { ...defaultStreamLimits, probeMs: PROBE_MS })
    link.start(EMPTY, { piece() {}, text() {}, drain() {}, closed })
    link.pause()
  },
  SPDY: (ours: Socket, closed: () => void): void => {
    const link = new SpdyLink('server', ours, undefined, PROBE_MS)
    link.start(EMPTY, { event() {}, drain() {}, closed })
    link.pause()
  },
}

describe.each(Object.entries(links))('a client of %s whose bytes nobody takes', (_name, begin) => {
  it.each([
    ['that is gone', (theirs: Socket) => theirs.destroy()],
    ['that broke off', (theirs: Socket) => theirs.resetAndDestroy()],
  ])('and %s is noticed', async (_how, leave) => {
    const [ours, theirs] = await connected()
    const closed = Promise.withResolvers<void>()
    begin(ours, closed.resolve)
    await stuck(theirs)
    leave(theirs)
    await closed.promise
  })

  it('and that is there goes on', async () => {
    const [ours, theirs] = await connected()
    let isClosed = false
    begin(ours, () => {
      isClosed = true
    })
    await stuck(theirs)
    // Asked several times.
    let asked = 0
    theirs.on('data', () => {
      asked += 1
    })
    await expect.poll(() => asked).toBeGreaterThan(2)
    expect(isClosed).toBe(false)
  })
})
