import { isIP, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext } from 'node:tls'
import { errorMessage } from '../../core/index.ts'
import { type Address, connectTcp } from '../connect-tcp.ts'
import { httpConnect } from './http-connect.ts'
import { socks5Connect } from './socks5-connect.ts'

/**
 * A byte pipe to `address` through an `http://`, `https://` or `socks5://` proxy. Names are resolved by the proxy.
 *
 * @param secureContext what an `https://` proxy's certificate is judged by; null: Node's own authorities.
 * @throws Error whose message names the proxy, without its credentials.
 */
export async function connectThroughProxy(
  proxy: URL,
  address: Address,
  secureContext: (() => SecureContext) | null,
  signal: AbortSignal,
): Promise<Socket> {
  const name = `proxy ${proxy.protocol}//${proxy.host}`
  let socket: Socket | null = null
  const abort = (): void => {
    socket?.destroy(new Error('no answer in time'))
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    socket = await connectTcp(addressOfProxy(proxy), signal)
    socket.setNoDelay(true)
    if (proxy.protocol === 'https:') socket = await secureProxy(socket, proxy, secureContext)
    const login = {
      username: decodeURIComponent(proxy.username),
      password: decodeURIComponent(proxy.password),
    }
    if (proxy.protocol.startsWith('socks5')) await socks5Connect(socket, address, login)
    else await httpConnect(socket, address, login)
    return socket
  } catch (error) {
    socket?.destroy()
    throw new Error(`${name}: ${errorMessage(error)}`, { cause: error })
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

const defaultPorts: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }
const socksPort = 1080

function addressOfProxy(proxy: URL): Address {
  return {
    hostname: proxy.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: proxy.port === '' ? (defaultPorts[proxy.protocol] ?? socksPort) : Number(proxy.port),
  }
}

function secureProxy(
  socket: Socket,
  proxy: URL,
  secureContext: (() => SecureContext) | null,
): Promise<Socket> {
  const { hostname } = addressOfProxy(proxy)
  return new Promise((resolve, reject) => {
    const secured = connectTls({
      socket,
      host: hostname,
      servername: isIP(hostname) === 0 ? hostname : '',
      ALPNProtocols: ['http/1.1'],
      // Said, or NODE_TLS_REJECT_UNAUTHORIZED would turn it off.
      rejectUnauthorized: true,
      ...(secureContext === null ? {} : { secureContext: secureContext() }),
    })
    secured.once('secureConnect', () => {
      secured.off('error', reject)
      resolve(secured)
    })
    secured.on('error', reject)
    socket.once('close', () => {
      secured.destroy(new Error('connection closed'))
    })
  })
}
