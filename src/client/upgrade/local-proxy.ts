import { createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { errorCode, errorMessage, followSignals } from '../../core/index.ts'
import type { Dial } from '../dialing-agent.ts'
import { ClientError } from '../errors.ts'

/** Who talks to this machine alone. */
const HOST = '127.0.0.1'
/** Far more than programs of one person open; a runaway is stopped here, not at the proxy. */
const MAX_CONNECTIONS = 4000
const DIAL_TIMEOUT_MS = 30_000

export interface LocalProxy extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly address: string
  readonly connections: number
}

/**
 * A port of this machine whose connections go on by `dial`, as they are: who connects speaks TLS with the far end, and needs
 * what that end asks for. So nobody gets anything by this port who would not get it from the far end itself. Rejects with
 * ClientError PORT_TAKEN.
 */
export async function openLocalProxy(options: {
  /** 0: any that is free. */
  readonly port: number
  readonly target: { readonly hostname: string; readonly port: number }
  readonly dial: Dial
  /** Hears why a connection could not be carried on. */
  readonly onFailure: (words: string) => void
}): Promise<LocalProxy> {
  const stop = new AbortController()
  const open = new Set<Duplex>()
  const keep = (stream: Duplex): void => {
    open.add(stream)
    stream.once('close', () => open.delete(stream))
  }
  const carry = async (near: Socket): Promise<void> => {
    const gone = new AbortController()
    near.once('close', () => gone.abort())
    using following = followSignals([
      stop.signal,
      gone.signal,
      AbortSignal.timeout(DIAL_TIMEOUT_MS),
    ])
    try {
      const far = await options.dial(options.target, following.signal)
      keep(far)
      join(near, far)
    } catch (error) {
      if (!near.destroyed && !stop.signal.aborted) options.onFailure(errorMessage(error))
      near.destroy()
    }
  }
  const server = createServer(
    { allowHalfOpen: true, pauseOnConnect: true, noDelay: true },
    (near) => {
      near.on('error', () => near.destroy())
      keep(near)
      void carry(near)
    },
  )
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        errorCode(error) === 'EADDRINUSE'
          ? new ClientError('PORT_TAKEN', `port ${options.port} of this machine is taken`, {
              cause: error,
              hint: 'name another, or none: then one is chosen that is free',
            })
          : error,
      ),
    )
    server.listen(options.port, HOST, resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  return {
    address: `${HOST}:${port}`,
    get connections() {
      return open.size
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      const closed = new Promise((resolve) => server.close(resolve))
      for (const stream of open) stream.destroy()
      await closed
    },
  }
}

/** Bytes both ways, each as fast as its slower end; what is broken at one end is broken at the other. */
function join(near: Socket, far: Duplex): void {
  const broken = (): void => {
    near.destroy()
    far.destroy()
  }
  near.on('error', broken)
  far.on('error', broken)
  near.once('close', () => far.destroy())
  far.once('close', () => {
    // Its last bytes may still be on their way to whoever is near.
    if (!near.writableEnded) near.end()
    near.resume()
  })
  near.pipe(far)
  far.pipe(near)
  near.resume()
}
