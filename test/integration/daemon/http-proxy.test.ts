import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { openDemoCluster } from '../../../src/demo/index.ts'
import { serverCertificate } from '../../support/certificates.ts'
import { ConnectProxy } from '../../support/connect-proxy.ts'
import { freePort } from '../../support/free-port.ts'
import { mustRun } from '../../support/process.ts'
import { ServiceProcess } from '../../support/service-process.ts'

const TCTL = resolve(import.meta.dirname, '../../../bin/tctl')
const PATIENTLY = { timeout: 30_000, interval: 200 }
const TOKEN = 'a-static-token-of-the-http-proxy-test'
/** Names that no resolver knows: only the HTTP proxy leads there. */
const NAME = 'teleport.example.test'
const OTHER = 'other.example.test'

/** A network from which nothing but an HTTP proxy leads out, and a gateway with a web certificate that its machines trust. */
describe('an agent behind an HTTP proxy, without a pin', () => {
  let stack: AsyncDisposableStack
  let directory: string
  let way: ConnectProxy
  let center: ServiceProcess
  let web: number
  let env: Record<string, string>
  let kubeconfig: string

  beforeAll(async () => {
    stack = new AsyncDisposableStack()
    directory = await mkdtemp(join(tmpdir(), 'teleport-http-proxy-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    way = stack.use(await ConnectProxy.open())
    const demo = stack.use(await openDemoCluster({ clock: systemClock, log: silentLogger }))
    kubeconfig = demo.kubeconfig()
    const { key, certificate, ca } = await serverCertificate(NAME)
    const authority = join(directory, 'ca.pem')
    await writeFile(authority, ca)
    env = { HTTPS_PROXY: way.url, NO_PROXY: '', NODE_EXTRA_CA_CERTS: authority }
    web = await freePort()
    const at = (name: string): string => join(directory, 'center', name)
    center = stack.use(
      await ServiceProcess.prepare(
        directory,
        'center',
        {
          auth_service: {
            cluster_name: 'http-proxy.example.com',
            listen_addr: `127.0.0.1:${await freePort()}`,
            tokens: [`kube:${TOKEN}`],
          },
          proxy_service: {
            web_listen_addr: `127.0.0.1:${web}`,
            public_addr: `${NAME}:${web}`,
            https_key_file: at('web.key'),
            https_cert_file: at('web.pem'),
          },
        },
        { 'web.key': key, 'web.pem': certificate },
      ),
    )
    await center.start()
  })
  afterAll(() => stack.disposeAsync())

  const agent = async (name: string, host: string): Promise<ServiceProcess> =>
    stack.use(
      await ServiceProcess.prepare(
        directory,
        name,
        {
          teleport: { auth_token: TOKEN, proxy_server: `${host}:${web}` },
          kubernetes_service: { kubeconfig_file: join(directory, name, 'kubeconfig') },
        },
        { kubeconfig },
      ),
    )
  const health = async (): Promise<unknown> => {
    const text = await mustRun(TCTL, ['-c', center.configFile, 'kube', 'ls', '--format=json'])
    return (JSON.parse(text) as { status: { health: string } }[]).map(({ status }) => status.health)
  }

  it('joins, serves and comes back through it, and goes nowhere else', async () => {
    const one = await agent('one', NAME)
    await one.start(env)
    await expect.poll(health, PATIENTLY).toEqual(['healthy'])
    const isOpen = (times: number) => (): boolean =>
      one.running.stderr.split('a tunnel to the proxy is open').length > times
    await expect.poll(isOpen(1), PATIENTLY).toBe(true)
    way.cut()
    await expect.poll(isOpen(2), PATIENTLY).toBe(true)
    expect(new Set(way.asked)).toEqual(new Set([`${NAME}:${web}`]))
    await one.end('SIGTERM')
    await expect.poll(health, PATIENTLY).toEqual(['offline'])
    // From now on it is known who vouches: the certificate of the web port is asked no more.
    const { NODE_EXTRA_CA_CERTS: _, ...later } = env
    await one.start(later)
    await expect.poll(health, PATIENTLY).toEqual(['healthy'])
  })

  it.each([
    ['is for another name', OTHER, {}],
    ['nobody vouches for', NAME, { NODE_EXTRA_CA_CERTS: '' }],
  ])('tells its token to nobody whose web certificate %s', async (_, host, less) => {
    const name = `refused-${host}`
    const refused = await agent(name, host)
    await expect(refused.start({ ...env, ...less })).rejects.toThrow(/is not known yet/)
    const text = await mustRun(TCTL, ['-c', center.configFile, 'inventory', 'ls', '--format=json'])
    const names = (JSON.parse(text) as { spec: { hostname: string } }[]).map(
      ({ spec }) => spec.hostname,
    )
    expect(names).not.toContain(name)
  })
})
