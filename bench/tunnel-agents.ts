/** Light agents, all in one process, each with a cluster of its own: `node bench/tunnel-agents.ts <setup file> <port>`. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { silentLogger, systemClock } from '../src/core/index.ts'
import { openTunnels } from '../src/tunnel/index.ts'
import { certificateFromPem } from '../src/x509/index.ts'
import { kubeNameOf, readTunnelSetup } from './tunnel-setup.ts'

const [file = '', port = ''] = process.argv.slice(2)
const { teleportCluster, hostCaPem, agents } = await readTunnelSetup(file)
for (const [agent, certificatePem] of agents.certificates.entries()) {
  const name = {
    serverName: kubeNameOf(agent),
    certificate: certificateFromPem(certificatePem),
    healthy: true,
  }
  openTunnels({
    identity: {
      teleportCluster,
      current: () => ({ certificatePem, privateKeyPem: agents.key, hostCaPem }),
      onChange: () => () => {},
    },
    version: '0.0.0',
    proxies: () => [{ host: '127.0.0.1', port: Number(port) }],
    onProxiesChange: () => () => {},
    names: () => [name],
    onNamesChange: () => () => {},
    dial: async (proxy, signal) => {
      const socket = connect(proxy)
      socket.on('error', () => {})
      await once(socket, 'connect', { signal })
      return socket
    },
    onConnection: (stream) => stream.destroy(),
    clock: systemClock,
    log: silentLogger,
  })
}
// Tunnels that wait for their turn hold no process.
setInterval(() => {}, 60_000)
