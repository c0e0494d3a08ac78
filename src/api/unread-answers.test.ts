import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { keepUnreadAnswers } from './unread-answers.ts'

it('an answer that was ended is read to its end, although idle connections are closed', async () => {
  // More than the kernel holds.
  const answer = Buffer.alloc(32 * 1024 * 1024, 7)
  const server = createServer((_request, response) => response.end(answer))
  keepUnreadAnswers(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const asked = request({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  server.closeIdleConnections()
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length
  expect(bytes).toBe(answer.length)
  server.close()
  server.closeIdleConnections()
  await once(server, 'close')
})
