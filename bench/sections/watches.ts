import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Bench } from '../bench.ts'
import type { Product } from '../parties.ts'
import { number } from '../report.ts'
import { OTHERS, residentKb, root, sleep } from '../support.ts'

const WATCHES = 1000
/** Fewer than a thousand before them: one person has 2,000 connections at most. */
const FIRST_WATCHES = 800
/** Memory is read after collections had their time. */
const SETTLE_MS = 15_000

/** What a watch costs that says nothing. */
export async function watches({ parties, report }: Bench): Promise<void> {
  const upstreamPort = await parties.watchServer()
  const each = async (name: string, perConnection: number): Promise<number> => {
    const held = await parties.product(name, { upstreamPort })
    await using clients = new AsyncDisposableStack()
    // The first fill what a process has once: code, heap, pools. The others are what a watch costs.
    await hold(clients, held, FIRST_WATCHES, perConnection)
    const before = residentKb(held.pid)
    await hold(clients, held, WATCHES, perConnection)
    return (residentKb(held.pid) - before) / WATCHES
  }
  const own = await each('watch-own', 1)
  const shared = await each('watch-shared', 100)
  report.table(
    ['idle watch', 'KB each'],
    [
      ['a connection each', number(own, 1)],
      ['100 on an HTTP/2 connection', number(shared, 1)],
    ],
  )
  report.aim('KB for a multiplexed watch', '≤ 40', number(shared, 1), shared <= 40)
  report.aim('KB for a watch with a connection', '≤ 150', number(own, 1), own <= 150)
}

/** So many watches more, held until the stack is disposed. */
async function hold(
  clients: AsyncDisposableStack,
  { port, tls }: Product,
  watches: number,
  perConnection: number,
): Promise<void> {
  const options = { ...tls, port, host: '127.0.0.1', watches, perConnection }
  const program = join(root, 'bench/watch-client.ts')
  const args = ['-c', OTHERS, process.execPath, program, JSON.stringify(options)]
  const client = spawn('taskset', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  clients.defer(() => void client.kill('SIGKILL'))
  await Promise.race([
    once(client.stdout, 'data'),
    once(client, 'exit').then(() => Promise.reject(new Error('the watch client ended'))),
  ])
  await sleep(SETTLE_MS)
}
