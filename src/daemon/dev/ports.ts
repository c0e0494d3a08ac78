import { createServer } from 'node:net'
import type { DevPorts } from './config-text.ts'

const LOOPBACK = '127.0.0.1'

/** The ports of the documentation; where one is taken, one that is free. */
export async function devPorts(): Promise<DevPorts> {
  return {
    auth: await freeOr(3025),
    web: await freeOr(3080),
    kube: await freeOr(3026),
  }
}

const freeOr = async (wanted: number): Promise<number> =>
  (await tryPort(wanted)) ?? (await tryPort(0)) ?? wanted

/** The port when it can be listened on just now. Whoever takes it afterwards is named when the daemon listens. */
function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen({ port, host: LOOPBACK }, () => {
      const address = server.address()
      const got = typeof address === 'object' && address !== null ? address.port : null
      server.close(() => resolve(got))
    })
  })
}
