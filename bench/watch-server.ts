/** An API server that only holds watches open: HTTP/1.1 and HTTP/2 with TLS. `node bench/watch-server.ts '<json>'` */
import { createSecureServer } from 'node:http2'

const { key, cert, port } = JSON.parse(process.argv[2] ?? '{}') as {
  key: string
  cert: string
  port: number
}
const server = createSecureServer({
  key,
  cert,
  allowHTTP1: true,
  settings: { maxConcurrentStreams: 250 },
})
server.on('request', (request, response) => {
  if (request.url?.includes('watch=') === true) {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write('{"type":"BOOKMARK","object":{}}\n')
    return
  }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end('{"kind":"APIVersions","versions":["v1"]}')
})
server.listen(port, '127.0.0.1')
