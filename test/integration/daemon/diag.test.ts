import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Registry } from 'prom-client'
import { afterEach, describe, expect, it } from 'vitest'
import { type DiagLimits, openDiag, type Readiness } from '../../../src/daemon/diag.ts'

describe('the diag port', () => {
  let stack = new AsyncDisposableStack()
  afterEach(async () => {
    await stack[Symbol.asyncDispose]()
    stack = new AsyncDisposableStack()
  })

  async function open(
    limits: Partial<DiagLimits> = {},
    readiness: () => Readiness = () => 'ok',
  ): Promise<number> {
    const metrics = new Registry()
    const diag = stack.use(
      await openDiag({ host: '127.0.0.1', port: 0, readiness, metrics, limits }),
    )
    return diag.port
  }

  function dial(port: number): Socket {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    stack.defer(() => void socket.destroy())
    return socket
  }

  it.each([
    ['starting', 400],
    ['ok', 200],
    ['degraded', 503],
    ['stopping', 503],
  ] as const)('is alive and tells that it is %s with %i', async (state, status) => {
    const port = await open({}, () => state)
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`)
    expect(answer.status).toBe(status)
    expect(await answer.json()).toMatchObject({ status: state })
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
  })

  it('cuts a request that does not come to an end', async () => {
    const port = await open({ requestTimeoutMs: 200, timeoutsCheckedMs: 50 })
    const socket = dial(port)
    socket.write('GET /readyz HTTP/1.1\r\nhost: x\r\nx-slow: ')
    const [said] = (await once(socket, 'data')) as [Buffer]
    expect(said.toString()).toContain('408 Request Timeout')
    socket.resume()
    if (!socket.closed) await once(socket, 'close')
  })

  it('holds only so many connections', async () => {
    const port = await open({ maxConnections: 2 })
    const held = [dial(port), dial(port)]
    await Promise.all(held.map((socket) => once(socket, 'connect')))
    const third = dial(port)
    third.resume()
    await new Promise<void>((done) => third.once('close', () => done()))
    for (const socket of held) expect(socket.destroyed).toBe(false)
  })
})
