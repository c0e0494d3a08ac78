import { spawn } from 'node:child_process'
import { errorMessage } from '../../core/index.ts'
import type { ExecPlugin } from '../../kube/index.ts'

/** What a plugin issued. */
export interface IssuedCredential {
  readonly token: string | null
  readonly certificate: { readonly certificatePem: string; readonly keyPem: string } | null
  /** Null: valid until the API server refuses it. */
  readonly expiresAtMs: number | null
}

/** What `KUBERNETES_EXEC_INFO` says about the cluster, when the plugin asked for it. */
export interface ExecClusterInfo {
  readonly server: string
  readonly tlsServerName: string | null
  readonly insecureSkipTlsVerify: boolean
  readonly certificateAuthorityPem: string | null
  readonly proxyUrl: string | null
  readonly config: unknown
}

export interface ExecRunOptions {
  readonly cluster: ExecClusterInfo
  readonly timeoutMs: number
  readonly maxOutputBytes: number
  readonly nowMs: number
}

/**
 * Runs a client-go credential plugin once: no terminal, no standard input, a session of its own, killed with its children
 * when it takes too long.
 *
 * @throws Error with the plugin's standard error, from which everything that looks like a credential is removed.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
export async function runExecPlugin(
  plugin: ExecPlugin,
  options: ExecRunOptions,
): Promise<IssuedCredential> {
  const name = `exec plugin ${plugin.command}`
  const result = await runProcess(plugin, options)
  if (result.problem !== null) {
    const words = redact(result.stderr.trim(), plugin, result.stdout)
    const hint = plugin.installHint === null || !result.notFound ? '' : `; ${plugin.installHint}`
    throw new Error(`${name} ${result.problem}${words === '' ? '' : `: ${words}`}${hint}`)
  }
  try {
    return readExecCredential(result.stdout, plugin, options.nowMs)
  } catch (error) {
    throw new Error(`${name}: ${errorMessage(error)}`)
  }
}

interface ProcessResult {
  readonly stdout: string
  readonly stderr: string
  readonly problem: string | null
  readonly notFound: boolean
}

function runProcess(plugin: ExecPlugin, options: ExecRunOptions): Promise<ProcessResult> {
  return new Promise((resolve) => {
    const child = spawn(plugin.command, [...plugin.args], {
      env: {
        ...process.env,
        ...Object.fromEntries(plugin.env.map(({ name, value }) => [name, value])),
        KUBERNETES_EXEC_INFO: JSON.stringify(execInfo(plugin, options.cluster)),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let stdout: Buffer[] = []
    let stdoutBytes = 0
    let stderr = ''
    let problem: string | null = null
    const kill = (why: string): void => {
      problem ??= why
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        child.kill('SIGKILL')
      }
    }
    const timer = setTimeout(
      () => kill(`took longer than ${options.timeoutMs / 1000} s and was killed`),
      options.timeoutMs,
    )
    const finish = (notFound: boolean): void => {
      clearTimeout(timer)
      child.stdout.destroy()
      child.stderr.destroy()
      resolve({ stdout: Buffer.concat(stdout).toString('utf8'), stderr, problem, notFound })
      stdout = []
    }
    child.stdout.on('data', (chunk: Buffer) => {
      stdoutBytes += chunk.length
      if (stdoutBytes > options.maxOutputBytes) {
        kill(`printed more than ${options.maxOutputBytes} bytes`)
        return
      }
      stdout.push(chunk)
    })
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < maxStderrCharacters) stderr += chunk.toString('utf8')
    })
    child.on('error', (error: NodeJS.ErrnoException) => {
      const notFound = error.code === 'ENOENT'
      problem ??= notFound ? 'was not found' : `could not be started (${error.code ?? error.name})`
      finish(notFound)
    })
    child.on('exit', (code, signal) => {
      if (code !== 0) problem ??= code === null ? `was ended by ${signal}` : `exited with ${code}`
      // A grandchild may hold the pipes open: what was printed until now has to be enough after a moment.
      const late = setTimeout(() => finish(false), pipeGraceMs)
      child.on('close', () => {
        clearTimeout(late)
        finish(false)
      })
    })
  })
}

/** Enough for a traceback's end, little enough for an error message. */
const maxStderrCharacters = 2000
const pipeGraceMs = 500

function execInfo(plugin: ExecPlugin, cluster: ExecClusterInfo): unknown {
  const { certificateAuthorityPem } = cluster
  const info = {
    server: cluster.server,
    ...(cluster.tlsServerName === null ? {} : { 'tls-server-name': cluster.tlsServerName }),
    ...(cluster.insecureSkipTlsVerify ? { 'insecure-skip-tls-verify': true } : {}),
    ...(certificateAuthorityPem === null
      ? {}
      : { 'certificate-authority-data': Buffer.from(certificateAuthorityPem).toString('base64') }),
    ...(cluster.proxyUrl === null ? {} : { 'proxy-url': cluster.proxyUrl }),
    ...(cluster.config === null ? {} : { config: cluster.config }),
  }
  return {
    kind: 'ExecCredential',
    apiVersion: plugin.apiVersion,
    spec: { interactive: false, ...(plugin.provideClusterInfo ? { cluster: info } : {}) },
  }
}

function readExecCredential(stdout: string, plugin: ExecPlugin, nowMs: number): IssuedCredential {
  let parsed: unknown
  try {
    parsed = JSON.parse(stdout)
  } catch {
    throw new Error('did not print an ExecCredential as JSON')
  }
  const credential = record(parsed)
  if (credential['kind'] !== 'ExecCredential') throw new Error('printed no ExecCredential')
  if (credential['apiVersion'] !== plugin.apiVersion) {
    throw new Error(`printed another apiVersion than ${plugin.apiVersion}`)
  }
  const status = record(credential['status'])
  const token = text(status['token'])
  const certificatePem = text(status['clientCertificateData'])
  const keyPem = text(status['clientKeyData'])
  if ((certificatePem === null) !== (keyPem === null)) {
    throw new Error('printed clientCertificateData without clientKeyData or the reverse')
  }
  if (token === null && certificatePem === null) {
    throw new Error('printed neither a token nor a client certificate')
  }
  if (token !== null && /[^\x21-\x7e]/.test(token)) {
    throw new Error('printed a token with characters that no HTTP header may have')
  }
  return {
    token,
    certificate: certificatePem === null || keyPem === null ? null : { certificatePem, keyPem },
    expiresAtMs: readExpiry(status['expirationTimestamp'], nowMs),
  }
}

function readExpiry(value: unknown, nowMs: number): number | null {
  const stamp = text(value)
  if (stamp === null) return null
  const expiresAtMs = Date.parse(stamp)
  if (Number.isNaN(expiresAtMs)) throw new Error('printed an expirationTimestamp that is no time')
  if (expiresAtMs <= nowMs) throw new Error(`printed a credential that expired at ${stamp}`)
  return expiresAtMs
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** Long enough for any key or token part, longer than words, file names and host names' labels. */
const credentialLike = /[A-Za-z0-9_+=-]{40,}/g

/** A plugin that fails may have printed what it had: its own output and settings are taken out of its words. */
function redact(words: string, plugin: ExecPlugin, stdout: string): string {
  const secrets = [
    ...plugin.env.map(({ value }) => value),
    ...(stdout.match(/"[^"\s]{8,}"/g) ?? []).map((quoted) => quoted.slice(1, -1)),
  ].filter((secret) => secret.length >= 8)
  let clean = words.slice(0, maxStderrCharacters)
  for (const secret of secrets) clean = clean.replaceAll(secret, '[redacted]')
  return clean.replaceAll(credentialLike, '[redacted]').replaceAll(/\s+/g, ' ')
}
