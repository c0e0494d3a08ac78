import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ApiClient } from '../../../src/client/index.ts'
import { introduce } from '../../../src/daemon/introduce.ts'
import { connectTcp, connectThroughProxy } from '../../../src/dial/index.ts'
import { inCluster } from '../../../src/member/index.ts'
import { proxyServerName } from '../../../src/protocol/index.ts'
import { serverCertificate } from '../../support/certificates.ts'
import { CLUSTER, Cluster } from '../tunnel/support/fleet.ts'

const NAME = proxyServerName(CLUSTER)

/** Many a machine has it set for some other program. */
describe('NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment makes nobody believe a certificate that anybody made:', () => {
  let stack: AsyncDisposableStack
  let port: number
  /** What the impostor was told. */
  let heard: string
  let cluster: Cluster
  const address = (): { host: string; port: number } => ({ host: '127.0.0.1', port })

  beforeEach(async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    stack = new AsyncDisposableStack()
    cluster = stack.use(await Cluster.open())
    heard = ''
    const sockets = new Set<TLSSocket>()
    const { key, certificate } = await serverCertificate(NAME)
    const impostor = createServer({ key, cert: certificate }, (socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('data', (chunk: Buffer) => {
        heard += chunk.toString('latin1')
        socket.destroy()
      })
    })
    impostor.on('tlsClientError', () => {})
    impostor.listen(0, '127.0.0.1')
    await once(impostor, 'listening')
    port = (impostor.address() as AddressInfo).port
    stack.defer(() => {
      for (const socket of sockets) socket.destroy()
      impostor.close()
    })
  })
  afterEach(async () => {
    await stack.disposeAsync()
    vi.unstubAllEnvs()
  })

  test('no call of the management API', async () => {
    using client = new ApiClient({
      host: '127.0.0.1',
      port,
      serverName: NAME,
      hostCa: cluster.authorities.hostCaPem,
      certificate: null,
      privateKey: null,
    })
    await expect(client.call('login.describe', {})).rejects.toMatchObject({
      code: 'SERVER_NOT_TRUSTED',
    })
    expect(heard).toBe('')
  })

  test('no agent that dials a proxy', async () => {
    const agent = await cluster.agent([{ address: address() }])
    await expect
      .poll(() => agent.tunnels.status()[0]?.problem)
      .toMatch(/^no TLS with the proxy: .*certificate/)
    expect(heard).toBe('')
  })

  test('no proxy that brings somebody to another service', async () => {
    const proxy = (await cluster.host('proxy-1', ['proxy'])).current()
    const signal = AbortSignal.timeout(30_000)
    const below = await connectTcp({ hostname: '127.0.0.1', port }, signal)
    const origin = { address: '203.0.113.7', port: 4711 }
    await expect(
      introduce(below, { serverName: NAME, credentials: proxy, origin, signal }),
    ).rejects.toThrow(/certificate/)
    expect(heard).toBe('')
  })

  test('nobody who goes through an https proxy', async () => {
    const signal = AbortSignal.timeout(30_000)
    const to = { hostname: 'api.example.com', port: 443 }
    const proxy = new URL(`https://user:word@127.0.0.1:${port}`)
    await expect(connectThroughProxy(proxy, to, null, signal)).rejects.toThrow(/certificate/)
    expect(heard).toBe('')
  })

  test('no agent that keeps its identity in a Secret', async () => {
    const account = await mkdtemp(join(tmpdir(), 'teleport-account-'))
    stack.defer(() => rm(account, { recursive: true, force: true }))
    await writeFile(join(account, 'token'), 'the token of the account')
    await writeFile(join(account, 'ca.crt'), cluster.authorities.hostCaPem)
    const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) }
    await expect(inCluster(env, account)?.call('GET', '/')).rejects.toThrow(/certificate/)
    expect(heard).toBe('')
  })
})
