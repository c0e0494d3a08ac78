import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { ApiClient, readAdminIdentity } from '../../../src/client/index.ts'
import type { ResponseOf } from '../../../src/contract/index.ts'
import { TestDaemon } from '../../support/daemon.ts'

type Link = ResponseOf<'users.invites.create'>

/** A real daemon without Kubernetes, whose web port a browser visits; links are made as an administrator makes them. */
export class TestConsole implements AsyncDisposable {
  readonly daemon: TestDaemon
  readonly admin: ApiClient

  private constructor(daemon: TestDaemon, admin: ApiClient) {
    this.daemon = daemon
    this.admin = admin
  }

  static async start(
    options: {
      readonly secondFactor?: 'off'
      /** A directory that has recordings in it already. */
      readonly recordings?: string
    } = {},
  ): Promise<TestConsole> {
    const daemon = await TestDaemon.start({
      kubeconfig: '',
      config: {
        ...(options.recordings === undefined
          ? {}
          : { teleport: { storage: { audit_sessions_uri: `file://${options.recordings}` } } }),
        auth_service: {
          authentication: { type: 'local', second_factor: options.secondFactor ?? 'otp' },
        },
        kubernetes_service: { enabled: false, kubeconfig_file: undefined },
      },
    })
    try {
      const identity = await readAdminIdentity(`${daemon.directory}/data`)
      return new TestConsole(daemon, new ApiClient(identity))
    } catch (error) {
      await daemon[Symbol.asyncDispose]()
      throw error
    }
  }

  get host(): string {
    return `localhost:${this.daemon.ports.web}`
  }

  url(path: string): string {
    return `https://${this.host}${path}`
  }

  /** The link that `tctl` prints. */
  async printedLink(...args: readonly string[]): Promise<string> {
    const text = await this.daemon.tctl(...args)
    const link = /https:\/\/\S+/.exec(text)?.[0]
    if (link === undefined) throw new Error(`there is no link in: ${text}`)
    return link
  }

  /** A new user, and a link for him. */
  async invite(user: string, ttlMs?: number): Promise<Link> {
    await this.admin.call('users.create', {
      body: { kind: 'user', version: 'v2', metadata: { name: user }, spec: { roles: ['access'] } },
    })
    return this.link(user, 'invite', ttlMs)
  }

  /** A link for a user that exists; his earlier one ends. */
  link(user: string, kind: 'invite' | 'reset', ttlMs?: number): Promise<Link> {
    return this.admin.call('users.invites.create', {
      params: { name: user },
      body: { kind, ...(ttlMs === undefined ? {} : { ttl_ms: ttlMs }) },
    })
  }

  /** The password changes of a user that the audit log knows. */
  async passwordChanges(user: string): Promise<Record<string, unknown>[]> {
    const events = await this.daemon.events(`--user=${user}`)
    return events.filter(({ event }) => event === 'user.password_change')
  }

  /** Logs in as the person whom a page gave a login; resolves to who the certificate is for. */
  async logIn(user: string, password: string, otp?: string): Promise<string> {
    const { publicKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
    const { user: proven } = await this.admin.call('login.create', {
      body: {
        user,
        password,
        public_key: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
        ...(otp === undefined ? {} : { otp }),
      },
    })
    return proven
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.admin[Symbol.dispose]()
    await this.daemon[Symbol.asyncDispose]()
  }
}
