import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { channelLastWords, hasErrorChannel } from './last-words.ts'

describe('channelLastWords()', () => {
  it.each([10, 124, 125, 126, 1000, 60_000])(
    'is a message and a normal end to a WebSocket client, with a Status of %i bytes',
    async (length) => {
      const status = 's'.repeat(length)
      const http = createServer()
      const server = new WebSocketServer({ noServer: true })
      http.on('upgrade', (request, socket, head) => {
        server.handleUpgrade(request, socket, head, () => socket.end(channelLastWords(status)))
      })
      await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
      const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`)
      const messages: Buffer[] = []
      client.on('message', (data: Buffer) => messages.push(data))
      const [code] = (await once(client, 'close')) as [number]
      expect(code).toBe(1000)
      expect(messages).toEqual([Buffer.concat([Buffer.from([3]), Buffer.from(status)])])
      http.closeAllConnections()
      http.close()
    },
  )

  it('refuses what no Status is', () => {
    expect(() => channelLastWords('s'.repeat(70_000))).toThrow(TypeError)
  })
})

describe('hasErrorChannel()', () => {
  it.each([
    ['v5.channel.k8s.io', true],
    ['v4.channel.k8s.io', true],
    ['v3.channel.k8s.io', false],
    ['base64.channel.k8s.io', false],
    ['v4.base64.channel.k8s.io', false],
    ['SPDY/3.1+portforward.k8s.io', false],
    [null, false],
  ])('%s: %s', (subprotocol, has) => {
    expect(hasErrorChannel(subprotocol)).toBe(has)
  })
})
