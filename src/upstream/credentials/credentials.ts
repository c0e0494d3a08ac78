import { readFile } from 'node:fs/promises'
import { type Clock, errorCode, errorMessage, type Logger } from '../../core/index.ts'
import type { PemSource } from '../../kube/index.ts'
import { upstreamFailure } from '../errors.ts'
import type { UpstreamLimits } from '../limits.ts'
import { type KubeTarget, originOf, type TargetLogin } from '../target.ts'
import { type IssuedCredential, runExecPlugin } from './exec-plugin.ts'
import { createTlsMaterial, sameTlsPems, type TlsMaterial, type TlsPems } from './tls-material.ts'

/** What one request is sent with. */
export interface Credential {
  /** Null for `http://`. */
  readonly tls: TlsMaterial | null
  /** The `Authorization` header's value. */
  readonly authorization: string | null
}

/** The credentials of one cluster, kept current. */
export interface Credentials {
  /**
   * What to send now: at once while it is fresh, else when files are read or the plugin has answered (once for all who
   * wait). Rejects with UPSTREAM_CREDENTIALS.
   */
  current(): Credential | Promise<Credential>
  /** The API server answered 401: the next request gets a renewed credential, where there is one to be had. */
  refused(credential: Credential): void
}

export interface CredentialsOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly limits: UpstreamLimits
}

interface FileContents {
  readonly pems: TlsPems
  readonly token: string | null
}

/** Opens the credentials of a target; nothing is read or run before the first `current()`. */
export function openCredentials(target: KubeTarget, options: CredentialsOptions): Credentials {
  return new TargetCredentials(target, options)
}

class TargetCredentials implements Credentials {
  readonly #target: KubeTarget
  readonly #clock: Clock
  readonly #log: Logger
  readonly #limits: UpstreamLimits
  readonly #plugin: PluginCredential | null
  readonly #readsFiles: boolean
  #files: FileContents | null = null
  #filesFreshUntilMs = 0
  #refusedAtMs = Number.NEGATIVE_INFINITY
  #tls: { pems: TlsPems; material: TlsMaterial } | null = null
  #credential: Credential | null = null
  #refreshing: Promise<Credential> | null = null

  constructor(target: KubeTarget, options: CredentialsOptions) {
    this.#target = target
    this.#clock = options.clock
    this.#log = options.log
    this.#limits = options.limits
    this.#readsFiles = filesOf(target).length > 0
    this.#plugin =
      target.login.kind === 'exec' ? new PluginCredential(target, target.login, options) : null
  }

  current(): Credential | Promise<Credential> {
    const now = this.#clock.now()
    if (this.#credential !== null && now < this.#filesFreshUntilMs) {
      const state = this.#plugin?.state(now) ?? 'fresh'
      if (state === 'fresh') return this.#credential
      if (state === 'renew') {
        this.#refresh().catch(() => {})
        return this.#credential
      }
    }
    return this.#refresh()
  }

  refused(credential: Credential): void {
    if (credential !== this.#credential) return
    const now = this.#clock.now()
    if (now - this.#refusedAtMs < this.#limits.refusalIntervalMs) return
    this.#refusedAtMs = now
    if (this.#readsFiles) this.#filesFreshUntilMs = 0
    this.#plugin?.refused()
  }

  #refresh(): Promise<Credential> {
    this.#refreshing ??= this.#load().finally(() => {
      this.#refreshing = null
    })
    return this.#refreshing
  }

  async #load(): Promise<Credential> {
    try {
      await this.#loadFiles()
      const files = this.#files
      if (files === null) throw new Error('no files were read')
      const issued =
        (await this.#plugin?.issue(files.pems.certificateAuthority, this.#clock.now())) ?? null
      const credential = this.#combine(files, issued)
      this.#credential = credential
      return credential
    } catch (error) {
      throw upstreamFailure(
        'UPSTREAM_CREDENTIALS',
        `credentials of cluster ${this.#target.name}: ${errorMessage(error)}`,
        error,
      )
    }
  }

  /** A file that cannot be read for a moment, or a certificate that is there before its key, is no reason to stop. */
  async #loadFiles(): Promise<void> {
    const now = this.#clock.now()
    if (this.#files !== null && now < this.#filesFreshUntilMs) return
    try {
      const files = await readFiles(this.#target)
      if (this.#target.secure && !this.#isCurrent(files.pems)) {
        this.#tls = { pems: files.pems, material: createTlsMaterial(files.pems) }
      }
      this.#files = files
    } catch (error) {
      if (this.#files === null) throw error
      this.#log.warn(
        { cluster: this.#target.name, error: errorMessage(error) },
        'credential files cannot be read, going on with the last good ones',
      )
    }
    this.#filesFreshUntilMs = this.#readsFiles
      ? now + this.#limits.fileRecheckMs
      : Number.POSITIVE_INFINITY
  }

  #isCurrent(pems: TlsPems): boolean {
    if (this.#tls === null) return false
    // With a plugin the material in use may have the plugin's certificate: only what the files say is compared.
    return this.#files !== null && sameTlsPems(this.#files.pems, pems)
  }

  #combine(files: FileContents, issued: IssuedCredential | null): Credential {
    const authorization = authorizationOf(this.#target.login, files.token, issued)
    if (!this.#target.secure) return this.#reuse({ tls: null, authorization })
    const pems =
      issued?.certificate == null
        ? files.pems
        : {
            certificateAuthority: files.pems.certificateAuthority,
            certificate: issued.certificate.certificatePem,
            key: issued.certificate.keyPem,
          }
    if (this.#tls === null || !sameTlsPems(this.#tls.pems, pems)) {
      this.#tls = { pems, material: createTlsMaterial(pems) }
    }
    return this.#reuse({ tls: this.#tls.material, authorization })
  }

  /** Keeps the object when nothing changed, so that a refusal of it is still recognised. */
  #reuse(credential: Credential): Credential {
    const last = this.#credential
    const same =
      last !== null &&
      last.tls === credential.tls &&
      last.authorization === credential.authorization
    return same ? last : credential
  }
}

/** An exec plugin's credential: cached, renewed in the background, with a pause after each failure. */
class PluginCredential {
  readonly #target: KubeTarget
  readonly #login: TargetLogin & { kind: 'exec' }
  readonly #log: Logger
  readonly #limits: UpstreamLimits
  readonly #clock: Clock
  #issued: IssuedCredential | null = null
  #renewAtMs = 0
  #failures = 0
  #failure: Error | null = null
  #retryAtMs = 0

  constructor(
    target: KubeTarget,
    login: TargetLogin & { kind: 'exec' },
    { clock, log, limits }: CredentialsOptions,
  ) {
    this.#target = target
    this.#login = login
    this.#clock = clock
    this.#log = log
    this.#limits = limits
  }

  /** `renew`: still good, but the plugin should be run; `stale`: there is nothing to send. */
  state(nowMs: number): 'fresh' | 'renew' | 'stale' {
    if (this.#issued === null || this.#expired(nowMs)) return 'stale'
    if (nowMs < this.#renewAtMs || nowMs < this.#retryAtMs) return 'fresh'
    // Refused credentials are not sent again while there is hope for a better one.
    return this.#renewAtMs === 0 ? 'stale' : 'renew'
  }

  refused(): void {
    this.#renewAtMs = 0
  }

  async issue(certificateAuthorityPem: string | null, nowMs: number): Promise<IssuedCredential> {
    const last = this.#issued !== null && !this.#expired(nowMs) ? this.#issued : null
    if (last !== null && (nowMs < this.#renewAtMs || nowMs < this.#retryAtMs)) return last
    if (this.#failure !== null && nowMs < this.#retryAtMs) throw this.#failure
    try {
      const issued = await this.#run(certificateAuthorityPem, nowMs)
      this.#issued = issued
      this.#renewAtMs = renewAt(issued, this.#clock.now(), this.#limits.execRenewMarginMs)
      this.#failures = 0
      this.#failure = null
      this.#retryAtMs = 0
      return issued
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error))
      const backoffMs = this.#limits.execBackoffMs * 2 ** Math.min(this.#failures, 30)
      this.#failures += 1
      this.#retryAtMs = this.#clock.now() + Math.min(backoffMs, this.#limits.maxExecBackoffMs)
      if (last === null) throw this.#failure
      this.#log.warn(
        { cluster: this.#target.name, error: errorMessage(error) },
        'exec plugin failed, going on with the credential that it issued before',
      )
      return last
    }
  }

  #expired(nowMs: number): boolean {
    const expiresAtMs = this.#issued?.expiresAtMs ?? null
    return expiresAtMs !== null && nowMs >= expiresAtMs
  }

  async #run(certificateAuthorityPem: string | null, nowMs: number): Promise<IssuedCredential> {
    const target = this.#target
    const issued = await runExecPlugin(this.#login.exec, {
      cluster: {
        server: `${originOf(target)}${target.basePath}`,
        tlsServerName: target.tlsServerName,
        insecureSkipTlsVerify: target.insecureSkipTlsVerify,
        certificateAuthorityPem,
        proxyUrl: target.proxyUrl,
        config: this.#login.execConfig,
      },
      timeoutMs: this.#limits.execTimeoutMs,
      maxOutputBytes: this.#limits.maxExecOutputBytes,
      nowMs,
    })
    if (issued.certificate !== null) {
      createTlsMaterial({
        certificateAuthority: null,
        certificate: issued.certificate.certificatePem,
        key: issued.certificate.keyPem,
      })
    }
    return issued
  }
}

/** The margin before expiry, but at most a tenth of the lifetime, so that short-lived tokens are used at all. */
function renewAt(issued: IssuedCredential, nowMs: number, marginMs: number): number {
  if (issued.expiresAtMs === null) return Number.POSITIVE_INFINITY
  return issued.expiresAtMs - Math.min(marginMs, (issued.expiresAtMs - nowMs) / 10)
}

function authorizationOf(
  login: TargetLogin,
  fileToken: string | null,
  issued: IssuedCredential | null,
): string | null {
  switch (login.kind) {
    case 'none':
      return null
    case 'token':
      return `Bearer ${login.token}`
    case 'tokenFile':
      return `Bearer ${fileToken ?? ''}`
    case 'basic':
      return `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
    case 'exec':
      return issued?.token == null ? null : `Bearer ${issued.token}`
  }
}

function filesOf(target: KubeTarget): string[] {
  const pems = [
    target.certificateAuthority,
    target.clientCertificate?.certificate ?? null,
    target.clientCertificate?.key ?? null,
  ]
  const paths = pems.flatMap((pem) => (pem?.kind === 'file' ? [pem.path] : []))
  return target.login.kind === 'tokenFile' ? [...paths, target.login.path] : paths
}

async function readFiles(target: KubeTarget): Promise<FileContents> {
  const { clientCertificate, login } = target
  const [certificateAuthority, certificate, key, token] = await Promise.all([
    readPem(target.certificateAuthority, 'certificate-authority'),
    readPem(clientCertificate?.certificate ?? null, 'client-certificate'),
    readPem(clientCertificate?.key ?? null, 'client-key'),
    login.kind === 'tokenFile' ? readToken(login.path) : null,
  ])
  return { pems: { certificateAuthority, certificate, key }, token }
}

async function readPem(source: PemSource | null, field: string): Promise<string | null> {
  if (source === null) return null
  const pem = source.kind === 'data' ? source.pem : await readText(source.path, field)
  if (!pem.includes('-----BEGIN ')) throw new Error(`${field}: holds no PEM block`)
  return pem
}

async function readToken(path: string): Promise<string> {
  const token = (await readText(path, 'tokenFile')).trim()
  if (token === '') throw new Error(`tokenFile: ${path} is empty`)
  if (/[^\x21-\x7e]/.test(token)) {
    throw new Error(`tokenFile: ${path} holds characters that no HTTP header may have`)
  }
  return token
}

async function readText(path: string, field: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new Error(`${field}: cannot read ${path} (${errorCode(error) ?? errorMessage(error)})`)
  }
}
