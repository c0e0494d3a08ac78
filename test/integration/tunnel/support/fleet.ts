import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { expect } from 'vitest'
import {
  type Authorities,
  createPeerParser,
  createSecretCipher,
  openAuthorities,
} from '../../../../src/ca/index.ts'
import { type Clock, type Logger, silentLogger, systemClock } from '../../../../src/core/index.ts'
import { createGateway } from '../../../../src/gateway/index.ts'
import type { HostService } from '../../../../src/identity/index.ts'
import { kubeServerName, proxyServerName } from '../../../../src/protocol/index.ts'
import { openMemoryBackend } from '../../../../src/storage/index.ts'
import { createServerContext } from '../../../../src/tls/index.ts'
import {
  type AnnouncedName,
  createTunnelServer,
  openTunnels,
  type ProxyAddress,
  type TunnelIdentity,
  type TunnelLimits,
  type TunnelledConnection,
  type TunnelServer,
  type TunnelServerOptions,
  type Tunnels,
} from '../../../../src/tunnel/index.ts'
import { certificateFromPem, generateKeyPair, publicKeyToPem } from '../../../../src/x509/index.ts'
import { TELEPORT_CLUSTER } from '../../forwarder/support/people.ts'
import { Relay } from './relay.ts'

export const CLUSTER = TELEPORT_CLUSTER
export const WEST = kubeServerName(CLUSTER, 'west')
export const EAST = kubeServerName(CLUSTER, 'east')
export const PERSON = { address: '203.0.113.7', port: 4711 }
const HOUR = 3_600_000

/** Quick, so that tests of waits do not wait. */
export const QUICK: Partial<TunnelLimits> = {
  backoffMs: 20,
  maxBackoffMs: 100,
  maxSpareMs: 200,
  spareLookMs: 50,
  lookMs: 50,
  openTimeoutMs: 500,
  dialBackRestMs: 100,
}

/** A key with certificates of the cluster's own host CA. */
export interface Host extends TunnelIdentity {
  readonly hostId: string
  /** Another certificate, as after a renewal. */
  renew(ttlMs?: number): Promise<void>
}

/** The authorities of a cluster, for hosts that need certificates, and the hosts that a test has of it: they end with it, the last one first. */
export class Cluster implements AsyncDisposable {
  readonly authorities: Authorities
  readonly stack = new AsyncDisposableStack()
  readonly #keys = generateKeyPair()

  private constructor(authorities: Authorities) {
    this.authorities = this.stack.use(authorities)
  }

  static async open(clock: Clock = systemClock): Promise<Cluster> {
    const authorities = await openAuthorities({
      backend: openMemoryBackend({ clock }),
      cipher: createSecretCipher(randomBytes(32)),
      clock,
      clusterName: CLUSTER,
      log: silentLogger,
    })
    return new Cluster(authorities)
  }

  async pair(
    hostId: string,
    services: readonly HostService[],
    dnsNames: readonly string[],
    ttlMs = HOUR,
  ): Promise<{ readonly key: string; readonly certificate: string }> {
    const { privateKey, publicKey } = await this.#keys
    const issued = await this.authorities.issueHost({
      identity: { kind: 'host', teleportCluster: CLUSTER, hostId, services },
      publicKeyPem: publicKeyToPem(publicKey),
      dnsNames,
      ipAddresses: [],
      ttlMs,
    })
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    return { key, certificate: issued.certificatePem }
  }

  async host(hostId: string, services: readonly HostService[] = ['kube']): Promise<Host> {
    let pair = await this.pair(hostId, services, [])
    const listeners = new Set<() => void>()
    return {
      hostId,
      teleportCluster: CLUSTER,
      current: () => ({
        certificatePem: pair.certificate,
        privateKeyPem: pair.key,
        hostCaPem: this.authorities.hostCaPem,
      }),
      onChange(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      renew: async (ttlMs) => {
        pair = await this.pair(hostId, services, [], ttlMs)
        for (const listener of listeners) listener()
      },
    }
  }

  /** A name with the certificate that proves it for a host. */
  async name(hostId: string, serverName: string, healthy = true): Promise<AnnouncedName> {
    const { certificate } = await this.pair(hostId, ['kube'], [serverName])
    return { serverName, certificate: certificateFromPem(certificate), healthy }
  }

  async gateway(options: Parameters<typeof Gateway.open>[1] = {}): Promise<Gateway> {
    return this.stack.use(await Gateway.open(this, options))
  }

  async agent(
    proxies: readonly Reachable[],
    options: Parameters<typeof Agent.open>[2] = {},
  ): Promise<Agent> {
    return this.stack.use(await Agent.open(this, proxies, options))
  }

  /** A network in front of a gateway. */
  async relay(target: ProxyAddress): Promise<Relay> {
    return this.stack.use(await Relay.open(target))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stack.disposeAsync()
  }
}

let gateways = 0

/** The proxy's end behind a port of this machine. */
export class Gateway implements AsyncDisposable {
  readonly hostId: string
  readonly tunnels: TunnelServer
  readonly sockets = new Set<Socket>()
  /** The product's door in front of it, which tells dial-backs from tunnels. */
  readonly door: ReturnType<typeof createGateway>
  readonly #server: Server

  private constructor(hostId: string, tunnels: TunnelServer) {
    this.hostId = hostId
    this.tunnels = tunnels
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.sockets.add(socket)
      socket.once('close', () => this.sockets.delete(socket))
      this.door.handle(socket)
    })
    this.door = createGateway({
      router: {
        route: () => ({
          kind: 'local',
          accept: (socket, origin) => tunnels.accept(socket, origin),
        }),
      },
      dialBacks: tunnels,
      proxyProtocol: false,
      log: silentLogger,
    })
  }

  static async open(
    cluster: Cluster,
    options: Partial<TunnelServerOptions> & {
      readonly port?: number
      readonly hostId?: string
    } = {},
  ): Promise<Gateway> {
    gateways += 1
    const hostId = options.hostId ?? `proxy-${gateways}`
    const pair = await cluster.pair(hostId, ['proxy'], [proxyServerName(CLUSTER)])
    const context = createServerContext({ ...pair, minVersion: 'TLSv1.3' })
    const proxy = new Gateway(
      hostId,
      createTunnelServer({
        teleportCluster: CLUSTER,
        secureContext: async () => context,
        peers: createPeerParser({
          trust: () => cluster.authorities.trust(),
          teleportCluster: CLUSTER,
          accept: ['host'],
        }),
        clock: systemClock,
        log: silentLogger,
        ...options,
        limits: { ...QUICK, ...options.limits },
      }),
    )
    proxy.#server.listen(options.port ?? 0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get address(): ProxyAddress {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port }
  }

  dial(serverName = WEST, origin = PERSON, hello?: Buffer): Promise<Duplex> {
    return this.tunnels.dial(serverName, origin, AbortSignal.timeout(5000), hello)
  }

  /** As a process that dies. */
  kill(): void {
    this.#server.close()
    for (const socket of this.sockets) socket.resetAndDestroy()
  }

  async close(graceMs = 0): Promise<void> {
    this.#server.close()
    await this.tunnels.close(graceMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    await expect.poll(() => this.sockets.size, { timeout: 5000 }).toBe(0)
  }
}

/** The agent's end, with what it does for people as an argument. */
export class Agent implements AsyncDisposable {
  readonly host: Host
  readonly tunnels: Tunnels
  /** People's connections that arrived. */
  readonly arrived: (TunnelledConnection & { readonly stream: Duplex })[] = []
  readonly sockets = new Set<Duplex>()
  #names: readonly AnnouncedName[]
  #proxies: readonly ProxyAddress[]
  readonly #listeners = { names: new Set<() => void>(), proxies: new Set<() => void>() }

  private constructor(
    host: Host,
    names: readonly AnnouncedName[],
    proxies: readonly ProxyAddress[],
    options: AgentOptions,
  ) {
    this.host = host
    this.#names = names
    this.#proxies = proxies
    const serve = options.serve ?? echo
    this.tunnels = openTunnels({
      identity: host,
      version: '1.2.3',
      proxies: () => this.#proxies,
      onProxiesChange: (listener) => listen(this.#listeners.proxies, listener),
      names: () => this.#names,
      onNamesChange: (listener) => listen(this.#listeners.names, listener),
      dial: async (address, signal) => {
        const socket = await (options.dial ?? dialPlain)(address, signal)
        this.sockets.add(socket)
        socket.once('close', () => this.sockets.delete(socket))
        return socket
      },
      onConnection: (stream, connection) => {
        this.arrived.push({ ...connection, stream })
        serve(stream, connection)
      },
      ...(options.hostBar === undefined ? {} : { hostBar: options.hostBar }),
      mayDialBack: options.mayDialBack ?? (() => true),
      clock: systemClock,
      log: options.log ?? silentLogger,
      limits: { ...QUICK, ...options.limits },
    })
  }

  static async open(
    cluster: Cluster,
    proxies: readonly Reachable[],
    options: AgentOptions & { readonly hostId?: string; readonly names?: readonly string[] } = {},
  ): Promise<Agent> {
    const host = await cluster.host(options.hostId ?? 'agent-1', options.services)
    const names = await Promise.all(
      (options.names ?? [WEST]).map((name) => cluster.name(host.hostId, name)),
    )
    return new Agent(
      host,
      options.announce ?? names,
      proxies.map(({ address }) => address),
      options,
    )
  }

  announce(names: readonly AnnouncedName[]): void {
    this.#names = names
    for (const listener of this.#listeners.names) listener()
  }

  follow(proxies: readonly Reachable[]): void {
    this.#proxies = proxies.map(({ address }) => address)
    for (const listener of this.#listeners.proxies) listener()
  }

  /** As a process that dies. */
  kill(): void {
    void this.tunnels.close(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tunnels.close(0)
    await expect.poll(() => this.sockets.size, { timeout: 5000 }).toBe(0)
  }
}

/** A gateway, or a network in front of it. */
interface Reachable {
  readonly address: ProxyAddress
}

export interface AgentOptions {
  readonly serve?: (stream: Duplex, connection: TunnelledConnection) => void
  readonly services?: readonly HostService[]
  /** Instead of the names with their own proofs. */
  readonly announce?: readonly AnnouncedName[]
  readonly dial?: (address: ProxyAddress, signal: AbortSignal) => Promise<Duplex>
  readonly limits?: Partial<TunnelLimits>
  readonly log?: Logger
  readonly mayDialBack?: (address: ProxyAddress) => boolean
  readonly hostBar?: (hostId: string, nowMs: number) => string | null
}

function listen(listeners: Set<() => void>, listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export async function dialPlain(
  { host, port }: ProxyAddress,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = connect({ host, port })
  socket.on('error', () => {})
  await once(socket, 'connect', { signal })
  return socket
}

/** Gives everything back. */
export const echo = (stream: Duplex): void => {
  stream.on('error', () => {})
  stream.pipe(stream)
}

/** Sends as fast as it is read. */
export const flood = (stream: Duplex): void => {
  const piece = Buffer.alloc(64 * 1024, 'x')
  const go = (): void => {
    while (!stream.destroyed && stream.write(piece));
  }
  stream.on('error', () => {})
  stream.on('drain', go)
  go()
}

/** Bytes that are sent and the bytes that come back. */
export async function ask(stream: Duplex, words: string): Promise<string> {
  stream.write(words)
  let heard = ''
  while (heard.length < words.length) {
    const [chunk] = (await once(stream, 'data')) as [Buffer]
    heard += chunk.toString()
  }
  return heard
}

/** Until the proxy has an agent for a name. */
export const served = (proxy: Gateway, name = WEST): Promise<void> =>
  expect.poll(() => proxy.tunnels.serves(name), { timeout: 5000 }).toBe(true)

/** Until the proxy has none. */
export const unserved = (proxy: Gateway, name = WEST): Promise<void> =>
  expect.poll(() => proxy.tunnels.serves(name), { timeout: 5000 }).toBe(false)
