import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { errorCode } from '../../core/index.ts'
import { DIAL_BACK_TICKET_BYTES, ticketOf } from '../../protocol/index.ts'
import { defaultTunnelLimits } from '../limits.ts'
import { AgentDialBacks } from './agent-end.ts'
import { FrameReader, formatFrame } from './frames.ts'

let stack: DisposableStack
beforeEach(() => {
  stack = new DisposableStack()
})
afterEach(() => stack.dispose())

const ticket = ticketOf(randomBytes(DIAL_BACK_TICKET_BYTES))
const binding = {
  serverName: 'nobody.example.com',
  origin: { address: '203.0.113.7', port: 1 },
  hello: Buffer.from('a hello'),
}

/** The proxy's ends of the orders and of a connection that was dialled back. */
async function dialledBack(): Promise<{
  readonly orders: Duplex
  /** The agent's end of them. */
  readonly stream: Duplex
  readonly socket: Socket
}> {
  const proxy = createServer({ allowHalfOpen: true })
  stack.defer(() => void proxy.close())
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const [orders, stream] = duplexPair()
  const agent = new AgentDialBacks({
    stream,
    address: { host: '127.0.0.1', port: (proxy.address() as AddressInfo).port },
    limits: defaultTunnelLimits,
    serves: () => false,
    onConnection: () => {},
  })
  orders.write(formatFrame({ type: 'order', ticket }))
  const [socket] = (await once(proxy, 'connection')) as [Socket]
  stack.defer(() => socket.destroy())
  await once(socket, 'data')
  expect(agent.active).toBe(0)
  return { orders, stream, socket }
}

it('opens so many that nobody has and no more, whatever is ordered', async () => {
  const limits = { ...defaultTunnelLimits, maxOrdered: 3, maxWarm: 2 }
  const proxy = createServer()
  const opened = new Set<Socket>()
  proxy.on('connection', (socket: Socket) => {
    opened.add(socket)
    socket.on('error', () => {})
    stack.defer(() => socket.destroy())
  })
  stack.defer(() => void proxy.close())
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const [orders, stream] = duplexPair()
  new AgentDialBacks({
    stream,
    address: { host: '127.0.0.1', port: (proxy.address() as AddressInfo).port },
    limits,
    serves: () => true,
    onConnection: () => {},
  })
  const failed: string[] = []
  const reader = new FrameReader()
  orders.on('data', (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) if (frame.type === 'failed') failed.push(frame.id)
  })
  const tickets = Array.from({ length: 20 }, () => ticketOf(randomBytes(DIAL_BACK_TICKET_BYTES)))
  orders.write(Buffer.concat(tickets.map((one) => formatFrame({ type: 'order', ticket: one }))))
  await expect.poll(() => failed.length).toBe(15)
  await expect.poll(() => opened.size).toBe(5)
  expect(failed).toEqual(tickets.slice(5).map(({ id }) => id))
})

it.each<[string, (orders: Duplex) => void]>([
  [
    'for a name that it does not serve',
    (orders) => orders.write(formatFrame({ type: 'bind', id: ticket.id, binding })),
  ],
  ['that nobody got before the orders ended', (orders) => orders.end()],
])('resets a connection %s, which keeps no port', async (_what, giveUp) => {
  const { orders, socket } = await dialledBack()
  const heard = new Promise((resolve) => {
    socket.once('end', () => resolve('end'))
    socket.once('error', (error) => resolve(errorCode(error)))
  })
  giveUp(orders)
  expect(await heard).toBe('ECONNRESET')
})

it('takes no more orders from a proxy that orders on and on and reads nothing', async () => {
  const { orders, stream, socket } = await dialledBack()
  socket.on('error', () => {})
  const frame = formatFrame({ type: 'order', ticket })
  const many = Buffer.concat(Array.from({ length: 1000 }, () => frame))
  while (!stream.destroyed) {
    orders.write(many)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(stream.writableLength).toBeLessThan(128 * 1024)
})
