import { randomBytes } from 'node:crypto'
import type { Clock, Logger } from '../core/index.ts'
import { generateKeyPair, issueCertificate } from '../x509/index.ts'
import type { ApiEnv, Scheduler } from './api/env.ts'
import { Controllers } from './controllers/controllers.ts'
import { DemoServer } from './http/server.ts'
import { seed } from './seed/seed.ts'
import { Store } from './store/store.ts'
import { runOnceOf } from './streams/run-once.ts'
import { upgradeOf } from './streams/upgrade.ts'

export const DEMO_CLUSTER_NAME = 'demo'

/** A demo cluster that serves until it is disposed. */
export interface DemoCluster extends AsyncDisposable {
  readonly port: number
  /** The certificate that signed the server's. */
  readonly certificateAuthorityPem: string
  /** Known to this process only; never logged. */
  readonly token: string
  /**
   * A kubeconfig as JSON text, with the one context `demo`. The token's own account may only impersonate; with
   * `impersonate` kubectl does so by itself (`as`, `as-groups`).
   */
  kubeconfig(impersonate?: { readonly user: string; readonly groups: readonly string[] }): string
  /** Forgets what watches could still ask for, as etcd's compaction does. */
  compact(): void
  /** Open connections. */
  readonly connections: number
}

export interface DemoClusterOptions {
  readonly clock: Clock
  readonly log: Logger
}

/** Opens an in-memory cluster on a free port of the loopback. Everything in it is gone when it is disposed. */
export async function openDemoCluster({ clock, log }: DemoClusterOptions): Promise<DemoCluster> {
  await using stack = new AsyncDisposableStack()
  const certificate = await makeCertificate(clock.now())
  const token = randomBytes(32).toString('base64url')
  const timers = stack.use(new Timers())
  const env: ApiEnv = {
    // Seconds grow from start to start faster than anybody writes.
    store: new Store(Math.floor(clock.now() / 1000)),
    now: () => clock.now(),
    scheduler: timers,
    randomBytes: (count) => randomBytes(count),
    log: log.child({ cluster: DEMO_CLUSTER_NAME }),
  }
  seed(env)
  const stop = new AbortController()
  stack.defer(() => stop.abort())
  const controllers = new Controllers(env, {
    certificateAuthority: certificate.authority,
    runOnce: runOnceOf(env, stop.signal),
  })
  stack.defer(() => controllers.close())
  const caller = {
    user: 'system:serviceaccount:teleport:teleport-serviceaccount',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:teleport', 'system:authenticated'],
  }
  const server = stack.use(
    await DemoServer.listen({
      env,
      certificate,
      token,
      caller,
      upgrade: upgradeOf(env, caller, ({ pod }, status) =>
        controllers.mainEnded(pod, status.kind === 'exited' ? status.exitCode : 1),
      ),
      log: env.log,
    }),
  )
  const owned = stack.move()
  return {
    port: server.port,
    certificateAuthorityPem: certificate.authority,
    token,
    kubeconfig: (impersonate) =>
      kubeconfigOf(server.port, certificate.authority, token, impersonate),
    compact: () => env.store.compact(),
    get connections() {
      return server.connections
    },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}

/** Timers that end with the cluster and keep no process alive. */
class Timers implements Scheduler, Disposable {
  readonly #running = new Set<NodeJS.Timeout>()
  #closed = false

  after(ms: number, run: () => void): () => void {
    if (this.#closed) return () => {}
    const timer = setTimeout(() => {
      this.#running.delete(timer)
      run()
    }, ms)
    timer.unref()
    this.#running.add(timer)
    return () => {
      clearTimeout(timer)
      this.#running.delete(timer)
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true
    for (const timer of this.#running) clearTimeout(timer)
    this.#running.clear()
  }
}

const DAY_MS = 86_400_000
/** Longer than any demo runs; it is made anew at each start. */
const VALID_MS = 365 * DAY_MS

async function makeCertificate(
  nowMs: number,
): Promise<{ readonly key: string; readonly cert: string; readonly authority: string }> {
  const ca = await generateKeyPair()
  const own = await generateKeyPair()
  // A client whose clock is behind ours is served too.
  const validity = { notBeforeMs: nowMs - DAY_MS, notAfterMs: nowMs + VALID_MS }
  const none = { dnsNames: [], ipAddresses: [], usages: [], extensions: [] } as const
  const authority = await issueCertificate({
    template: { ...none, ...validity, commonName: 'Teleport demo cluster', isCa: true },
    publicKey: ca.publicKey,
    issuer: { selfSigningKey: ca.privateKey },
    serial: randomBytes(16),
  })
  const leaf = await issueCertificate({
    template: {
      ...none,
      ...validity,
      commonName: 'demo',
      usages: ['serverAuth'],
      dnsNames: ['localhost', 'kubernetes.default.svc'],
      ipAddresses: ['127.0.0.1'],
      isCa: false,
    },
    publicKey: own.publicKey,
    issuer: { certificatePem: authority.pem, privateKey: ca.privateKey },
    serial: randomBytes(16),
  })
  const key = own.privateKey.export({ type: 'pkcs8', format: 'pem' })
  return { key: String(key), cert: leaf.pem, authority: authority.pem }
}

function kubeconfigOf(
  port: number,
  authority: string,
  token: string,
  impersonate: { readonly user: string; readonly groups: readonly string[] } | undefined,
): string {
  const name = DEMO_CLUSTER_NAME
  const as =
    impersonate === undefined ? {} : { as: impersonate.user, 'as-groups': impersonate.groups }
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [
      {
        name,
        cluster: {
          server: `https://127.0.0.1:${port}`,
          'certificate-authority-data': Buffer.from(authority).toString('base64'),
        },
      },
    ],
    users: [{ name, user: { token, ...as } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  })
}
