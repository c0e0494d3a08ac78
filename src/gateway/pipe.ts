import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { resetConnection } from '../core/index.ts'

/** Called with the bytes that went one way. */
export interface PipeCounters {
  readonly up: (bytes: number) => void
  readonly down: (bytes: number) => void
}

/**
 * Moves bytes both ways until both ends are done. Each direction waits for its slower end, so that a stalled reader holds
 * what the sockets' buffers hold and no more; an end on one side is passed on while the other direction goes on. A side
 * that breaks is broken off on the other, where it must not look like one that has ended. When the server is gone, a client
 * that has got everything has `lingerMs` to go as well, and `lastBytesMs` to get it: nobody counts what he leaves unread then.
 */
export function pipeBothWays(
  client: Duplex,
  server: Duplex,
  {
    counters,
    lingerMs,
    lastBytesMs,
  }: {
    readonly counters: PipeCounters
    readonly lingerMs: number
    readonly lastBytesMs: number
  },
): void {
  const goWithin = (ms: number): void => {
    const timer = setTimeout(() => client.destroy(), ms)
    client.once('close', () => clearTimeout(timer))
  }
  client.on('error', () => {
    client.destroy()
    breakOff(server)
  })
  server.on('error', () => {
    server.destroy()
    breakOff(client)
  })
  client.once('close', () => {
    if (client.readableEnded) server.destroy()
    else breakOff(server)
  })
  server.once('close', () => {
    if (client.destroyed) return
    // What the server sent before it closed may still be on its way to the client.
    if (!client.writableEnded) client.end()
    // Unread, its own end would never be noticed.
    client.resume()
    if (client.writableFinished) {
      goWithin(lingerMs)
      return
    }
    client.once('finish', () => goWithin(lingerMs))
    goWithin(lastBytesMs)
  })
  move(client, server, counters.up)
  move(server, client, counters.down)
}

/** `pipe` without what is done above for both directions at once: it listens to six events of each, for each connection. */
function move(from: Duplex, to: Duplex, count: (bytes: number) => void): void {
  from.on('data', (chunk: Buffer) => {
    count(chunk.length)
    if (to.writable && !to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.once('end', () => to.end())
  from.resume()
}

/** What is destroyed without an error looks at its other end like one that has ended: a stream of a tunnel, and plain TCP. */
function breakOff(stream: Duplex): void {
  if (stream.destroyed) return
  if (stream instanceof Socket && !(stream instanceof TLSSocket)) resetConnection(stream)
  else stream.destroy(BROKEN_OFF)
}

const BROKEN_OFF = new Error('the other end is gone')
