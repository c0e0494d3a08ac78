/**
 * The proxy's end of tunnels alone: `node --expose-gc bench/tunnel-gateway.ts <setup file> <port>`. Each line on stdin is
 * answered by how many agents have announced themselves, and the resident memory in KB; `settle` collects garbage before.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { createPeerParser, trustedAuthority } from '../src/ca/index.ts'
import { silentLogger, systemClock } from '../src/core/index.ts'
import { createServerContext } from '../src/tls/index.ts'
import { createTunnelServer } from '../src/tunnel/index.ts'
import { readTunnelSetup } from './tunnel-setup.ts'

const [file = '', port = ''] = process.argv.slice(2)
const { teleportCluster, hostCaPem, proxy } = await readTunnelSetup(file)
const context = createServerContext({ ...proxy, minVersion: 'TLSv1.3' })
const trust = { revision: 1, userCas: [], hostCas: [trustedAuthority(hostCaPem)] }
const tunnels = createTunnelServer({
  teleportCluster,
  secureContext: async () => context,
  peers: createPeerParser({ trust: () => trust, teleportCluster, accept: ['host'] }),
  clock: systemClock,
  log: silentLogger,
})
let from = 0
const server = createServer({ allowHalfOpen: true }, (socket) => {
  // All come from this machine, and the share of one address is for one machine.
  from += 1
  tunnels.accept(socket, {
    address: `10.${from >> 16}.${(from >> 8) & 255}.${from & 255}`,
    port: 1,
  })
})
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 8192 })
await once(server, 'listening')
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'settle') globalThis.gc?.()
  const agents = tunnels.agents().filter(({ names }) => names.length > 0).length
  const residentKb = Math.round(process.memoryUsage.rss() / 1024)
  process.stdout.write(`${JSON.stringify({ agents, residentKb })}\n`)
}
