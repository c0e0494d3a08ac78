import { SpdyMeter } from './spdy.ts'
import { WebSocketMeter } from './websocket.ts'

/**
 * Tells what somebody sends on an upgraded connection from what his program sends by itself to keep the connection alive.
 * It reads the headers of frames and nothing else, keeps no byte of their content, and is no judge: bytes that are no
 * frames count as something or as nothing, and go where they go either way.
 */
export interface ActivityMeter {
  /** Takes the next bytes. True when there is something in them that keeps nobody's connection alive by itself. */
  push(chunk: Uint8Array): boolean
}

/** For the protocols that kubectl upgrades to. Of any other, every byte counts. */
export function activityMeter(upgrade: string, subprotocol: string | null): ActivityMeter {
  switch (upgrade.toLowerCase()) {
    case 'spdy/3.1': {
      const spdy = new SpdyMeter()
      return { push: (chunk) => spdy.push(chunk.length, (index) => chunk[index] ?? 0) }
    }
    case 'websocket': {
      // `kubectl port-forward` of today: the frames of SPDY in the messages of a WebSocket.
      const tunnelled = subprotocol?.toLowerCase().startsWith('spdy/3.1') === true
      return new WebSocketMeter(tunnelled ? new SpdyMeter() : null)
    }
    default:
      return { push: (chunk) => chunk.length > 0 }
  }
}
