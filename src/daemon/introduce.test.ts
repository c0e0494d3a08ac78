import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keepAlivesTo } from '../../test/support/sockets.ts'
import { connectTcp } from '../dial/index.ts'
import { introduce } from './introduce.ts'

describe('introduce()', () => {
  let server: Server
  let port: number
  let below: Socket
  beforeEach(async () => {
    // It takes connections and never says a word.
    server = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
    below = await connectTcp({ hostname: '127.0.0.1', port }, AbortSignal.timeout(5000))
  })
  afterEach(() => server.close())

  const introduced = (signal: AbortSignal): Promise<unknown> =>
    introduce(below, {
      serverName: 'example',
      credentials: { certificatePem: '', privateKeyPem: '', hostCaPem: '' },
      origin: { address: '203.0.113.7', port: 4711 },
      signal,
    })

  it('sends at once what is written, and notices within a minute when who is there has gone without a word', async () => {
    const noDelays: unknown[] = []
    const setNoDelay = below.setNoDelay.bind(below)
    below.setNoDelay = (noDelay) => {
      noDelays.push(noDelay)
      return setNoDelay(noDelay)
    }
    const stop = new AbortController()
    const rejected = expect(introduced(stop.signal)).rejects.toThrow('enough')
    await expect.poll(() => keepAlivesTo(port)).toHaveLength(1)
    const [inMs] = await keepAlivesTo(port)
    expect(inMs).toBeLessThanOrEqual(30_000)
    expect(noDelays).toEqual([true])
    stop.abort(new Error('enough'))
    await rejected
    expect(below.destroyed).toBe(true)
  })

  it('has not begun for who has given up already', async () => {
    await expect(introduced(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
    expect(below.destroyed).toBe(true)
  })
})
