import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:https'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ApiClient, readAdminIdentity } from '../../../src/client/index.ts'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { parseConfig } from '../../../src/daemon/config/index.ts'
import { runDaemon } from '../../../src/daemon/run-daemon.ts'
import type { Started } from '../../../src/daemon/run-options.ts'
import { openRemoteProxy } from '../../../src/daemon/run-proxy.ts'
import type { ProxyService } from '../../../src/daemon/services/proxy.ts'
import { openDialer } from '../../../src/dial/index.ts'
import {
  chooseStore,
  MemberAccess,
  MemberApi,
  type MemberIdentity,
  openMemberIdentity,
} from '../../../src/member/index.ts'
import {
  authServerName,
  formatProxyHeader,
  kubeServerName,
  PROXIED_ALPN,
} from '../../../src/protocol/index.ts'
import { openTunnels, type Tunnels } from '../../../src/tunnel/index.ts'
import { generateKeyPair, publicKeyToPem } from '../../../src/x509/index.ts'
import { closed } from '../../support/closed.ts'

const TELEPORT = 'remote.example.com'
const PERSON = { address: '203.0.113.7', port: 4711 }
const TOKEN = 'a-static-token-of-forty-characters-1234567'

/** Auth in one daemon, a proxy with nothing but its certificate beside it: nothing in common but a socket. */
describe('a proxy in a process of its own', () => {
  let stack: AsyncDisposableStack
  let dataDir: string
  let auth: Started
  let proxy: ProxyService

  const directory = async (): Promise<string> => {
    const made = await mkdtemp(join(tmpdir(), 'teleport-proxy-'))
    stack.defer(() => rm(made, { recursive: true, force: true }))
    return made
  }

  async function member(service: 'proxy' | 'kube'): Promise<{
    readonly identity: MemberIdentity
    readonly api: MemberApi
    readonly directory: string
  }> {
    const own = await directory()
    const route = {
      via: 'auth',
      addresses: [{ host: '127.0.0.1', port: auth.authPort ?? 0 }],
      dial: openDialer({}),
    } as const
    const { hostCa } = await readAdminIdentity(dataDir)
    expect(hostCa).toContain('CERTIFICATE')
    const identity = stack.use(
      await openMemberIdentity({
        route,
        store: chooseStore({}, own),
        services: [service],
        token: async () => TOKEN,
        caPins: [],
        insecure: true,
        nodename: service,
        version: '0.0.0',
        clock: systemClock,
        log: silentLogger,
        signal: AbortSignal.timeout(20_000),
      }),
    )
    return { identity, api: stack.use(new MemberApi(identity, route)), directory: own }
  }

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    dataDir = await directory()
    const config = parseConfig(
      `
teleport: { nodename: auth, data_dir: ${dataDir} }
auth_service:
  enabled: yes
  cluster_name: ${TELEPORT}
  listen_addr: 127.0.0.1:0
  tokens: ['proxy,kube:${TOKEN}']
proxy_service: { enabled: no }
`,
      'auth.yaml',
    )
    const started = Promise.withResolvers<Started>()
    const stop = new AbortController()
    const running = runDaemon({
      config,
      version: '0.0.0',
      env: {},
      log: silentLogger,
      signal: stop.signal,
      onStarted: started.resolve,
    })
    running.catch(started.reject)
    stack.defer(async () => {
      stop.abort()
      await running
    })
    auth = await started.promise
    const { identity, api, directory: own } = await member('proxy')
    const access = stack.use(
      await MemberAccess.open({
        identity,
        call: (name, input) => api.call(name, input),
        path: join(own, 'member-state.json'),
        clock: systemClock,
        log: silentLogger,
        signal: AbortSignal.timeout(20_000),
      }),
    )
    proxy = await openRemoteProxy(stack, {
      config: {
        dataDir: own,
        tunnelDialBack: true,
        proxy: {
          enabled: true,
          webListen: { host: '127.0.0.1', port: 0 },
          publicAddresses: [{ host: 'proxy.example.com', port: 443 }],
          keyPair: null,
          proxyProtocol: true,
          trustForwardedFor: false,
          tunnelListen: { host: '127.0.0.1', port: 0 },
          tunnelPublicAddresses: [],
          kubernetes: null,
        },
      },
      identity,
      hostBar: () => null,
      route: {
        via: 'auth',
        // The first is gone: the next is taken.
        addresses: [
          { host: '127.0.0.1', port: 1 },
          { host: '127.0.0.1', port: auth.authPort ?? 0 },
        ],
        dial: openDialer({}),
      },
      call: (name, input) => api.call(name, input),
      trust: () => access.trust(),
      kube: null,
      pages: null,
      version: '0.0.0',
      clock: systemClock,
      log: silentLogger,
    })
  })
  afterEach(() => stack.disposeAsync())

  /** A connection as a load balancer passes it on, so that its address is one that no test machine has. */
  const person = async (port: number | null = proxy.webPort): Promise<Socket> => {
    const socket = connect({ port: port ?? 0, host: '127.0.0.1' })
    await once(socket, 'connect')
    socket.write(formatProxyHeader(PERSON))
    return socket
  }

  const admin = async (): Promise<ApiClient> =>
    stack.use(new ApiClient({ ...(await readAdminIdentity(dataDir)), dial: () => person() }))

  const webCall = async (
    path: string,
    body?: object,
  ): Promise<{ status: number; body: string }> => {
    const { hostCa } = await readAdminIdentity(dataDir)
    const socket = connectTls({
      socket: await person(),
      servername: 'proxy.example.com',
      ca: hostCa,
    })
    await once(socket, 'secureConnect')
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          createConnection: () => socket,
          method: body === undefined ? 'GET' : 'POST',
          path,
          headers: { host: 'proxy.example.com', 'content-type': 'application/json' },
        },
        (answer) => {
          let text = ''
          answer.on('data', (chunk: Buffer) => {
            text += chunk.toString()
          })
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text }))
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  test('carries calls to the auth service, which notes the address of who calls', async () => {
    const client = await admin()
    await client.call('users.create', {
      body: {
        kind: 'user',
        version: 'v2',
        metadata: { name: 'alice' },
        spec: { roles: ['access'], traits: {} },
      },
    })
    const events = async (): Promise<unknown> =>
      (await client.call('events.list', { query: { event: 'user.create' } })).items
    await expect
      .poll(events, { timeout: 20_000 })
      .toEqual([expect.objectContaining({ 'addr.remote': '203.0.113.7:4711', name: 'alice' })])
  })

  test('carries connections for clusters that nobody serves to auth, which says so', async () => {
    const { hostCa } = await readAdminIdentity(dataDir)
    const socket = connectTls({
      socket: await person(),
      servername: kubeServerName(TELEPORT, 'nowhere'),
      ca: hostCa,
      checkServerIdentity: () => undefined,
      ALPNProtocols: ['http/1.1'],
    })
    await once(socket, 'secureConnect')
    socket.write('GET /api/v1/pods HTTP/1.1\r\nhost: k\r\n\r\n')
    const [words] = (await once(socket, 'data')) as [Buffer]
    expect(words.toString()).toMatch(/^HTTP\/1.1 401 .*no client certificate/s)
    socket.destroy()
  })

  test('shows pages with its own certificate, and asks auth what they ask', async () => {
    expect(JSON.parse((await webCall('/webapi/ping')).body)).toMatchObject({
      cluster_name: TELEPORT,
      ca_pins: [expect.stringMatching(/^sha256:/)],
    })
    const answer = await webCall('/webapi/invites/describe', { token: 'a'.repeat(32) })
    expect(answer.status).toBe(404)
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'INVITE_INVALID' } })
  })

  test.each([['web'], ['tunnel']])('takes tunnels of agents on its %s port', async (which) => {
    const { identity } = await member('kube')
    const tunnels: Tunnels = openTunnels({
      identity,
      version: '0.0.0',
      proxies: () => [{ host: '127.0.0.1', port: 1 }],
      onProxiesChange: () => () => {},
      names: () => [],
      onNamesChange: () => () => {},
      dial: () => person(which === 'web' ? proxy.webPort : proxy.tunnelPort),
      onConnection: () => {},
      clock: systemClock,
      log: silentLogger,
    })
    stack.defer(() => tunnels.close(0))
    await expect.poll(() => tunnels.status()[0]?.state, { timeout: 20_000 }).toBe('up')
  })

  test('nobody but a proxy brings people to auth', async () => {
    const { identity } = await member('kube')
    const { certificatePem, privateKeyPem, hostCaPem } = identity.current()
    const socket = connectTls({
      port: auth.authPort ?? 0,
      host: '127.0.0.1',
      servername: authServerName(TELEPORT),
      ca: hostCaPem,
      cert: certificatePem,
      key: privateKeyPem,
      ALPNProtocols: [PROXIED_ALPN],
    })
    socket.on('secureConnect', () => socket.write(formatProxyHeader(PERSON)))
    socket.resume()
    await closed(socket)
    expect(socket.bytesRead).toBeLessThan(4000)
  })

  test.each([
    [authServerName(TELEPORT)],
    [kubeServerName(TELEPORT, 'west')],
    ['*.teleport.cluster.local'],
    ['TELEPORT.cluster.local.'],
  ])('no proxy gets a certificate for %s', async (name) => {
    const { api } = await member('proxy')
    await expect(
      api.call('member.proxy_certificate', {
        body: { public_key: 'x', names: [name], addresses: [] },
      }),
    ).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })

  test.each([
    [{ names: ['not a name'] }, '"not a name" is not a DNS name'],
    [{ names: ['ends.with.a.dot.'] }, '"ends.with.a.dot." is not a DNS name'],
    [{ addresses: ['10.0.0.256'] }, '"10.0.0.256" is not an IP address'],
    [{ public_key: 'x' }, 'cannot sign'],
  ])('what cannot be certified for a proxy is its own mistake: %o', async (given, words) => {
    const { api } = await member('proxy')
    const { publicKey } = await generateKeyPair()
    const body = { public_key: publicKeyToPem(publicKey), names: [], addresses: [], ...given }
    await expect(api.call('member.proxy_certificate', { body })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      status: 400,
      message: expect.stringContaining(words) as string,
    })
  })

  test('a kubernetes service gets no certificate of a proxy', async () => {
    const { api } = await member('kube')
    await expect(
      api.call('member.proxy_certificate', {
        body: { public_key: 'x', names: [], addresses: [] },
      }),
    ).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })
})
