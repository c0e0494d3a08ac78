/** The product's gateway alone, before a kubernetes service. `node bench/gateway.ts '{"port": …, "servicePort": …}'` */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { silentLogger } from '../src/core/index.ts'
import { createGateway } from '../src/gateway/index.ts'

const { port, servicePort } = JSON.parse(process.argv.at(-1) ?? '') as {
  port: number
  servicePort: number
}
const gateway = createGateway({
  router: {
    route: () => ({
      kind: 'pipe',
      dial: async () => {
        const socket = connect({ port: servicePort, host: '127.0.0.1', allowHalfOpen: true })
        await once(socket, 'connect')
        return socket
      },
    }),
  },
  log: silentLogger,
  proxyProtocol: false,
})
createServer({ allowHalfOpen: true }, (socket) => gateway.handle(socket)).listen(port, '127.0.0.1')
