import { createServer } from 'node:net'

/** Below what Linux gives to outgoing connections (32768 and up), which would take a port between our look and its use. */
const FIRST = 20_000
const LAST = 32_000
const WORKERS = 8
const SHARE = Math.floor((LAST - FIRST) / WORKERS)

/** Test files that run side by side draw from shares of their own; a run of something else has the last one. */
const worker = Number(process.env['VITEST_POOL_ID'] ?? WORKERS)
const first = FIRST + ((worker - 1) % WORKERS) * SHARE
let next = process.pid % SHARE

/** A port of this machine that nobody listens on, and that nobody else who asks here is given meanwhile. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < SHARE; tried += 1) {
    const port = first + next
    next = (next + 1) % SHARE
    if (await isFree(port)) return port
  }
  throw new Error(`no free port from ${first} to ${first + SHARE - 1}`)
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    // On every address: a port that is free on the loopback alone would not do for a daemon that listens on all.
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
