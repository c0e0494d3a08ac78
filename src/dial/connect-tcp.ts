import { connect, type Socket } from 'node:net'

export interface Address {
  readonly hostname: string
  readonly port: number
}

/** Connects; both address families are tried in turn (RFC 8305). Rejects with Node's error, or when `signal` aborts. */
export function connectTcp(address: Address, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address.hostname, port: address.port, autoSelectFamily: true })
    const abort = (): void => {
      socket.destroy(new Error(`no connection to ${address.hostname}:${address.port} in time`))
    }
    const done = (): void => {
      signal.removeEventListener('abort', abort)
      socket.off('error', fail)
    }
    const fail = (error: Error): void => {
      done()
      socket.on('error', () => {})
      reject(error)
    }
    socket.once('connect', () => {
      done()
      resolve(socket)
    })
    socket.on('error', fail)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
  })
}
