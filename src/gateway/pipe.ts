import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** Called with the bytes that went one way. */
export interface PipeCounters {
  up(bytes: number): void
  down(bytes: number): void
}

/**
 * Moves bytes both ways until both ends are done. Each direction waits for its slower end, so that a stalled reader holds
 * what the sockets' buffers hold and no more; an end on one side is passed on while the other direction goes on.
 */
export function pipeBothWays(client: Socket, server: Duplex, counters: PipeCounters): void {
  const broken = (): void => {
    client.destroy()
    server.destroy()
  }
  client.on('error', broken)
  server.on('error', broken)
  client.once('close', () => server.destroy())
  server.once('close', () => {
    // What the server sent before it closed may still be on its way to the client.
    if (client.writableEnded) return
    client.end()
  })
  client.on('data', (chunk: Buffer) => counters.up(chunk.length))
  server.on('data', (chunk: Buffer) => counters.down(chunk.length))
  client.pipe(server)
  server.pipe(client)
}
