import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { openDialer } from './dialer.ts'

/** Listens, and never takes a connection: the kernel keeps two, and answers no more. */
const DEAF = `
  const { parentPort } = require('node:worker_threads')
  const server = require('node:net').createServer()
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
  })
`

it('does not wait for a machine that does not answer at all', async () => {
  const worker = new Worker(DEAF, { eval: true })
  const fillers: Socket[] = []
  try {
    const [port] = (await once(worker, 'message')) as [number]
    for (let count = 0; count < 4; count += 1) {
      fillers.push(connect(port, '127.0.0.1').on('error', () => {}))
    }
    await once(fillers[0] as Socket, 'connect')
    const dial = openDialer({}, { connectTimeoutMs: 100 })
    await expect(
      dial({ hostname: '127.0.0.1', port }, new AbortController().signal),
    ).rejects.toThrow(`no connection to 127.0.0.1:${port} in time`)
  } finally {
    for (const socket of fillers) socket.destroy()
    await worker.terminate()
  }
})
