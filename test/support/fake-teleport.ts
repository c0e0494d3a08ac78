import type { KeyObject } from 'node:crypto'
import { randomBytes } from 'node:crypto'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SessionResource } from '../../src/contract/index.ts'
import { silentLogger } from '../../src/core/index.ts'
import { createGateway } from '../../src/gateway/index.ts'
import { authServerName, kubeServerName } from '../../src/protocol/index.ts'
import {
  type CertificateTemplate,
  generateKeyPair,
  issueCertificate,
  publicKeyFromPem,
  spkiPin,
} from '../../src/x509/index.ts'

const HOUR_MS = 3_600_000

interface Authority {
  readonly pem: string
  readonly pin: string
  readonly privateKey: KeyObject
}

/** A host authority of a Teleport cluster. */
export async function hostAuthority(name = 'host CA'): Promise<Authority> {
  const { privateKey, publicKey } = await generateKeyPair()
  const { pem } = await issueCertificate({
    template: template(name, { isCa: true, notAfterMs: Date.now() + 1000 * HOUR_MS }),
    publicKey,
    issuer: { selfSigningKey: privateKey },
    serial: randomBytes(16),
  })
  return { pem, pin: spkiPin(pem), privateKey }
}

const template = (
  commonName: string,
  fields: Partial<CertificateTemplate>,
): CertificateTemplate => ({
  commonName,
  notBeforeMs: Date.now() - 5 * 60_000,
  notAfterMs: Date.now() + 24 * HOUR_MS,
  usages: [],
  dnsNames: [],
  ipAddresses: [],
  isCa: false,
  extensions: [],
  ...fields,
})

export interface FakeKubeCluster {
  readonly name: string
  readonly labels?: Readonly<Record<string, string>>
  readonly online?: boolean
  readonly users?: readonly string[]
  readonly groups?: readonly string[]
}

/** Everything that a test may change while it runs. */
interface Behaviour {
  clusterName: string
  /** What the web port says; by default the truth. */
  announced: string | null
  secondFactor: 'off' | 'otp' | 'on'
  password: string
  code: string
  /** What the auth service says that the time is, from now. */
  clockOffsetMs: number
  ttlMs: number
  kubeClusters: readonly FakeKubeCluster[]
  kubeAddr: string | null
  roles: readonly string[]
  sessions: readonly SessionResource[]
  /** What `self.read` refuses with. */
  selfRefusal: { readonly status: number; readonly code: string; readonly message: string } | null
  /** Signs the auth service's own certificate. */
  authority: Authority
  /** What `host_ca` says; by default the authority above. */
  bundle: readonly Authority[] | null
  serverCertificate: Partial<CertificateTemplate>
  /** The certificate that is issued is for this key instead of the one that was sent. */
  foreignKey: boolean
}

/** One request to the auth service. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly body: Readonly<Record<string, unknown>> | null
  /** Came with a client certificate. */
  readonly certified: boolean
}

/** A proxy with an auth service behind it: the real gateway and real TLS; its answers are a test's. */
export class FakeTeleport implements AsyncDisposable {
  readonly is: Behaviour
  readonly seen: SeenRequest[] = []
  port = 0
  readonly #stack = new AsyncDisposableStack()
  #userAuthority!: Authority

  private constructor(behaviour: Behaviour) {
    this.is = behaviour
  }

  static async start(given: Partial<Behaviour> = {}): Promise<FakeTeleport> {
    const fake = new FakeTeleport({
      clusterName: 'example.com',
      announced: null,
      secondFactor: 'off',
      password: 'correct horse battery',
      code: '123456',
      clockOffsetMs: 0,
      ttlMs: 12 * HOUR_MS,
      kubeClusters: [{ name: 'prod', labels: { env: 'prod' } }],
      kubeAddr: '127.0.0.1:3026',
      roles: ['access'],
      sessions: [],
      selfRefusal: null,
      authority: given.authority ?? (await hostAuthority()),
      bundle: null,
      serverCertificate: {},
      foreignKey: false,
      ...given,
    })
    await fake.#listen()
    return fake
  }

  get proxy(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Requests to one path. */
  to(path: string): readonly SeenRequest[] {
    return this.seen.filter((request) => request.path === path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]()
  }

  async #listen(): Promise<void> {
    this.#userAuthority = await hostAuthority('user CA')
    const gateway = createGateway({
      router: {
        route: ({ serverName }) => ({
          kind: 'local',
          accept: (socket) => void this.#accept(serverName, socket),
        }),
      },
      proxyProtocol: false,
      log: silentLogger,
    })
    this.#stack.defer(() => gateway.close(0))
    const sockets = new Set<Socket>()
    const tcp = createServer((socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      gateway.handle(socket)
    })
    await new Promise<void>((resolve) => tcp.listen(this.port, '127.0.0.1', resolve))
    this.#stack.defer(() => {
      tcp.close()
      for (const socket of sockets) socket.destroy()
    })
    this.port = (tcp.address() as AddressInfo).port
  }

  /** Ends the TLS of the name that was asked for, with a certificate of this moment. */
  async #accept(serverName: string | null, socket: Duplex): Promise<void> {
    const isAuth = serverName === authServerName(this.is.clusterName)
    const { privateKey, publicKey } = await generateKeyPair()
    const issued = await issueCertificate({
      template: template('server', {
        usages: ['serverAuth'],
        dnsNames: [serverName ?? 'localhost'],
        ...(isAuth ? this.is.serverCertificate : {}),
      }),
      publicKey,
      issuer: { certificatePem: this.is.authority.pem, privateKey: this.is.authority.privateKey },
      serial: randomBytes(16),
    })
    const server: HttpsServer = createHttpsServer(
      {
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        cert: issued.pem,
        requestCert: isAuth,
        rejectUnauthorized: false,
        ca: [this.#userAuthority.pem],
      },
      (request, response) => {
        const chunks: Buffer[] = []
        request.on('data', (chunk: Buffer) => chunks.push(chunk))
        request.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const path = request.url ?? ''
          const certified =
            'getPeerX509Certificate' in request.socket &&
            (request.socket as { getPeerX509Certificate(): unknown }).getPeerX509Certificate() !==
              undefined
          const body = text === '' ? null : (JSON.parse(text) as Readonly<Record<string, unknown>>)
          const seen = { method: request.method ?? '', path, body, certified }
          if (isAuth) this.seen.push(seen)
          const answering = isAuth ? this.#answer(seen) : Promise.resolve(this.#web(path))
          void answering.then(({ status, value }) => {
            response.writeHead(status, { 'content-type': 'application/json' })
            response.end(JSON.stringify(value))
          })
        })
      },
    )
    server.on('tlsClientError', () => socket.destroy())
    server.emit('connection', socket)
  }

  #web(path: string): { status: number; value: unknown } {
    if (path !== '/webapi/ping') return { status: 404, value: {} }
    const clusterName = this.is.announced ?? this.is.clusterName
    return { status: 200, value: { cluster_name: clusterName, server_version: '1.2.3' } }
  }

  async #answer({
    path,
    body,
    certified,
  }: SeenRequest): Promise<{ status: number; value: unknown }> {
    const refuse = (
      status: number,
      code: string,
      message: string,
    ): { status: number; value: unknown } => ({
      status,
      value: { error: { code, message } },
    })
    const { is } = this
    switch (path.split('?', 1)[0]) {
      case '/v1/login':
        if (body === null) {
          return {
            status: 200,
            value: {
              cluster_name: is.clusterName,
              version: '1.2.3',
              time: new Date(Date.now() + is.clockOffsetMs).toISOString(),
              host_ca: (is.bundle ?? [is.authority]).map(({ pem }) => pem).join(''),
              second_factor: is.secondFactor,
              kube_addr: is.kubeAddr,
            },
          }
        }
        if (
          body['password'] !== is.password ||
          (is.secondFactor !== 'off' && body['otp'] !== is.code)
        ) {
          return refuse(401, 'LOGIN_REFUSED', 'user name, password or code is wrong')
        }
        return { status: 200, value: await this.#issue(body) }
      case '/v1/sessions':
        return { status: 200, value: { items: is.sessions, next: null } }
      case '/v1/self':
        if (is.selfRefusal !== null) {
          return refuse(is.selfRefusal.status, is.selfRefusal.code, is.selfRefusal.message)
        }
        if (!certified) return refuse(401, 'UNAUTHENTICATED', 'no certificate')
        return {
          status: 200,
          value: {
            user: 'joe',
            roles: is.roles,
            traits: { kubernetes_groups: ['devs'] },
            expires: new Date().toISOString(),
            teleport_cluster: is.clusterName,
            version: '1.2.3',
            host_ca: is.authority.pem,
            kube_addr: is.kubeAddr,
            kube_clusters: is.kubeClusters.map((cluster) => ({
              ...this.#resource(cluster),
              access: {
                kubernetes_users: cluster.users ?? ['joe'],
                kubernetes_groups: cluster.groups ?? ['devs'],
                default_user: 'joe',
              },
            })),
          },
        }
      default:
        return refuse(404, 'NOT_FOUND', `no such endpoint: ${path}`)
    }
  }

  async #issue(body: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { is } = this
    const user = String(body['user'])
    const ttlMs = typeof body['ttl_ms'] === 'number' ? body['ttl_ms'] : is.ttlMs
    const publicKey = is.foreignKey
      ? (await generateKeyPair()).publicKey
      : publicKeyFromPem(String(body['public_key']))
    const issued = await issueCertificate({
      template: template(user, {
        usages: ['clientAuth'],
        notAfterMs: Date.now() + ttlMs,
        notBeforeMs: Date.now() - 2 * HOUR_MS,
      }),
      publicKey,
      issuer: {
        certificatePem: this.#userAuthority.pem,
        privateKey: this.#userAuthority.privateKey,
      },
      serial: randomBytes(16),
    })
    return {
      certificate: issued.pem,
      expires: new Date(issued.notAfterMs).toISOString(),
      ttl_ms: ttlMs,
      capped_by: null,
      roles: is.roles,
      teleport_cluster: is.clusterName,
      host_ca: (is.bundle ?? [is.authority]).map(({ pem }) => pem).join(''),
      kube_addr: is.kubeAddr,
      kube_clusters: is.kubeClusters.map((cluster) => this.#resource(cluster)),
      user,
      traits: { kubernetes_groups: ['devs'] },
    }
  }

  #resource({ name, labels, online }: FakeKubeCluster): object {
    return {
      kind: 'kube_cluster',
      version: 'v3',
      metadata: { name, labels: labels ?? {} },
      status: {
        server_name: kubeServerName(this.is.clusterName, name),
        online: online ?? true,
        last_seen: new Date().toISOString(),
      },
    }
  }
}
