import { dirname, isAbsolute, join } from 'node:path'
import { type Document as ParsedYaml, parseDocument } from 'yaml'
import { KubeconfigError } from './errors.ts'
import {
  booleanField,
  FieldProblem,
  type Fields,
  isFields,
  listField,
  literalText,
  mappingField,
  optionalMappingField,
  requiredTextField,
  textField,
} from './fields.ts'
import type {
  ExecApiVersion,
  ExecPlugin,
  Kubeconfig,
  KubeconfigCluster,
  KubeconfigContext,
  KubeconfigEntry,
  KubeconfigLogin,
  KubeconfigUser,
  PemSource,
} from './types.ts'

/** 3,000 contexts with a CA each are 6 MB; more is not a kubeconfig. */
export const maxKubeconfigBytes: number = 8 * 1024 * 1024

const execExtension = 'client.authentication.k8s.io/exec'

/**
 * Reads a kubeconfig: YAML of any style, or JSON. Entries that cannot be used are kept with a reason that names the field.
 *
 * @param options.path where the text came from: relative paths are resolved against its folder, errors name it.
 * @throws KubeconfigError KUBECONFIG_INVALID when the text as a whole is no kubeconfig.
 * @see https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 */
export function parseKubeconfig(text: string, options: { path?: string } = {}): Kubeconfig {
  const where = options.path === undefined ? 'kubeconfig' : `kubeconfig ${options.path}`
  const root = readYaml(text, where)
  const folder = options.path === undefined ? null : dirname(options.path)
  const typed = text.includes(execExtension) ? typedYaml(text, where) : null
  try {
    const kind = textField(root, 'kind')
    if (kind !== null && kind !== 'Config') {
      throw new FieldProblem(`kind: is ${kind}, wanted Config`)
    }
    return {
      contexts: readContexts(root),
      clusters: readNamed(root, 'clusters', 'cluster', (fields, index) =>
        readCluster(fields, folder, execConfigOf(typed, index)),
      ),
      users: readNamed(root, 'users', 'user', (fields) => readUser(fields, folder)),
      currentContext: textField(root, 'current-context'),
    }
  } catch (error) {
    if (error instanceof FieldProblem) {
      throw new KubeconfigError('KUBECONFIG_INVALID', `${where}: ${error.message}`)
    }
    throw error
  }
}

function readYaml(text: string, where: string): Fields {
  if (Buffer.byteLength(text) > maxKubeconfigBytes) {
    throw new KubeconfigError(
      'KUBECONFIG_INVALID',
      `${where}: is larger than ${maxKubeconfigBytes} bytes`,
    )
  }
  const document = parseDocument(text, { schema: 'failsafe', merge: true, logLevel: 'error' })
  const first = document.errors[0]
  if (first !== undefined) {
    // The parser's message quotes the line, which may hold a token: only what and where is passed on.
    const position = first.linePos?.[0]
    const line = position === undefined ? '' : ` at line ${position.line}, column ${position.col}`
    throw new KubeconfigError(
      'KUBECONFIG_INVALID',
      `${where}: not valid YAML${line}: ${first.code}`,
    )
  }
  const value = plainValue(document, where)
  if (!isFields(value)) {
    throw new KubeconfigError(
      'KUBECONFIG_INVALID',
      `${where}: must be a mapping with clusters, users and contexts`,
    )
  }
  return value
}

/** Throws KubeconfigError also for what only a typed document makes of the text, like two keys that are one number. */
function plainValue(document: ParsedYaml, where: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 1000 })
  } catch {
    throw new KubeconfigError(
      'KUBECONFIG_INVALID',
      `${where}: too many YAML aliases, or keys that clash`,
    )
  }
}

function typedYaml(text: string, where: string): Fields | null {
  const value = plainValue(parseDocument(text, { version: '1.1', logLevel: 'error' }), where)
  return isFields(value) ? value : null
}

function execConfigOf(typed: Fields | null, index: number): unknown {
  const entry = typed === null ? undefined : listField(typed, 'clusters')[index]
  const cluster = isFields(entry) ? entry['cluster'] : undefined
  const extensions = isFields(cluster) ? cluster['extensions'] : undefined
  if (!Array.isArray(extensions)) return null
  const found: unknown = extensions.find((each) => isFields(each) && each['name'] === execExtension)
  return isFields(found) ? (found['extension'] ?? null) : null
}

/** Entries by name. A name that is there twice is ambiguous: kubectl refuses the file, we only what refers to it. */
function readNamed<T>(
  root: Fields,
  list: string,
  field: string,
  read: (fields: Fields, index: number) => T,
): ReadonlyMap<string, KubeconfigEntry<T>> {
  const entries = new Map<string, KubeconfigEntry<T>>()
  listField(root, list).forEach((item, index) => {
    const name = nameOf(item, list, index)
    if (entries.has(name)) {
      entries.set(name, { ok: false, reason: `${field} "${name}" is defined twice` })
      return
    }
    entries.set(
      name,
      readEntry(`${field} "${name}"`, () => read(mappingField(item as Fields, field), index)),
    )
  })
  return entries
}

function readContexts(root: Fields): readonly KubeconfigContext[] {
  const contexts = new Map<string, KubeconfigContext>()
  listField(root, 'contexts').forEach((item, index) => {
    const name = nameOf(item, 'contexts', index)
    if (contexts.has(name)) {
      contexts.set(name, {
        name,
        entry: { ok: false, reason: `context "${name}" is defined twice` },
      })
      return
    }
    const entry = readEntry(`context "${name}"`, () => {
      const fields = mappingField(item as Fields, 'context')
      return {
        cluster: requiredTextField(fields, 'cluster'),
        user: textField(fields, 'user') ?? '',
        namespace: textField(fields, 'namespace'),
      }
    })
    contexts.set(name, { name, entry })
  })
  return [...contexts.values()]
}

function nameOf(item: unknown, list: string, index: number): string {
  if (!isFields(item)) throw new FieldProblem(`${list}[${index}]: must be a mapping`)
  const name = item['name']
  if (typeof name !== 'string' || name === '') {
    throw new FieldProblem(`${list}[${index}].name: is missing`)
  }
  return name
}

function readEntry<T>(what: string, read: () => T): KubeconfigEntry<T> {
  try {
    return { ok: true, value: read() }
  } catch (error) {
    if (error instanceof FieldProblem) return { ok: false, reason: `${what}: ${error.message}` }
    throw error
  }
}

function readCluster(
  fields: Fields,
  folder: string | null,
  execConfig: unknown,
): KubeconfigCluster {
  const url = readServer(requiredTextField(fields, 'server'))
  const certificateAuthority = readPem(fields, 'certificate-authority', folder)
  const insecureSkipTlsVerify = booleanField(fields, 'insecure-skip-tls-verify')
  if (insecureSkipTlsVerify && certificateAuthority !== null) {
    throw new FieldProblem(
      'insecure-skip-tls-verify: contradicts certificate-authority, remove one of them',
    )
  }
  return {
    origin: url.origin,
    basePath: url.pathname.replace(/\/+$/, ''),
    certificateAuthority,
    insecureSkipTlsVerify,
    tlsServerName: textField(fields, 'tls-server-name'),
    proxyUrl: readProxy(textField(fields, 'proxy-url')),
    disableCompression: booleanField(fields, 'disable-compression'),
    execConfig,
  }
}

function readServer(text: string): URL {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new FieldProblem('server: must be an http:// or https:// URL')
  }
  if (url.username !== '' || url.password !== '') {
    throw new FieldProblem('server: must not hold credentials')
  }
  if (url.search !== '' || url.hash !== '') {
    throw new FieldProblem('server: must not have a query or fragment')
  }
  return url
}

const proxyProtocols = new Set(['http:', 'https:', 'socks5:', 'socks5h:'])

function readProxy(text: string | null): string | null {
  if (text === null) return null
  const url = URL.parse(text)
  if (url === null || !proxyProtocols.has(url.protocol) || url.hostname === '') {
    throw new FieldProblem('proxy-url: must be an http://, https:// or socks5:// URL')
  }
  return text
}

function readPem(fields: Fields, name: string, folder: string | null): PemSource | null {
  const data = textField(fields, `${name}-data`)
  if (data !== null) return { kind: 'data', pem: decodeBase64(data, `${name}-data`) }
  const path = textField(fields, name)
  return path === null ? null : { kind: 'file', path: resolvePath(path, folder) }
}

function decodeBase64(text: string, field: string): string {
  const compact = text.replaceAll(/\s/g, '')
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(compact) || compact.length % 4 !== 0) {
    throw new FieldProblem(`${field}: is not base64`)
  }
  return Buffer.from(compact, 'base64').toString('latin1')
}

function resolvePath(path: string, folder: string | null): string {
  return folder === null || isAbsolute(path) ? path : join(folder, path)
}

const impersonationFields = ['as', 'as-uid', 'as-groups', 'as-user-extra'] as const

function readUser(fields: Fields, folder: string | null): KubeconfigUser {
  for (const field of impersonationFields) {
    const value = fields[field]
    const empty =
      value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
    if (!empty) {
      throw new FieldProblem(
        `${field}: the service must be itself to impersonate others, remove this field`,
      )
    }
  }
  if (optionalMappingField(fields, 'auth-provider') !== null) {
    throw new FieldProblem(
      'auth-provider: was removed from Kubernetes 1.26, use an exec plugin or a token instead',
    )
  }
  return {
    clientCertificate: readClientCertificate(fields, folder),
    login: readLogin(fields, folder),
  }
}

function readClientCertificate(
  fields: Fields,
  folder: string | null,
): KubeconfigUser['clientCertificate'] {
  const certificate = readPem(fields, 'client-certificate', folder)
  const key = readPem(fields, 'client-key', folder)
  if (certificate === null && key === null) return null
  if (certificate === null)
    throw new FieldProblem('client-certificate: is missing, client-key is there')
  if (key === null) throw new FieldProblem('client-key: is missing, client-certificate is there')
  return { certificate, key }
}

/** client-go's precedence: a token file over a token; an exec plugin is asked only when there is nothing else. */
function readLogin(fields: Fields, folder: string | null): KubeconfigLogin {
  const token = textField(fields, 'token')
  const tokenFile = textField(fields, 'tokenFile')
  const username = textField(fields, 'username')
  const password = textField(fields, 'password')
  const basic = username !== null || password !== null
  if (basic && (token !== null || tokenFile !== null)) {
    throw new FieldProblem('token: contradicts username, remove one of them')
  }
  if (tokenFile !== null) return { kind: 'tokenFile', path: resolvePath(tokenFile, folder) }
  if (token !== null) {
    assertHeaderText(token, 'token')
    return { kind: 'token', token }
  }
  if (basic) return { kind: 'basic', username: username ?? '', password: password ?? '' }
  const exec = optionalMappingField(fields, 'exec')
  if (exec === null) return { kind: 'none' }
  const hasCertificate =
    textField(fields, 'client-certificate') ?? textField(fields, 'client-certificate-data')
  return hasCertificate === null ? { kind: 'exec', exec: readExec(exec, folder) } : { kind: 'none' }
}

function assertHeaderText(value: string, field: string): void {
  if (/[^\x21-\x7e]/.test(value)) {
    throw new FieldProblem(`${field}: holds characters that no HTTP header may have`)
  }
}

const execApiVersions: Readonly<Record<string, ExecApiVersion>> = {
  'client.authentication.k8s.io/v1': 'client.authentication.k8s.io/v1',
  'client.authentication.k8s.io/v1beta1': 'client.authentication.k8s.io/v1beta1',
}

function readExec(fields: Fields, folder: string | null): ExecPlugin {
  const version = requiredTextField(fields, 'apiVersion', 'exec.')
  const apiVersion = Object.hasOwn(execApiVersions, version) ? execApiVersions[version] : undefined
  if (apiVersion === undefined) {
    throw new FieldProblem(
      `exec.apiVersion: ${version} is not supported, use client.authentication.k8s.io/v1 or v1beta1`,
    )
  }
  if (textField(fields, 'interactiveMode') === 'Always') {
    throw new FieldProblem('exec.interactiveMode: is Always, but a service has no terminal')
  }
  const command = requiredTextField(fields, 'command', 'exec.')
  return {
    apiVersion,
    command: command.includes('/') ? resolvePath(command, folder) : command,
    args: listField(fields, 'args').map((arg, index) => literalText(arg, `exec.args[${index}]`)),
    env: listField(fields, 'env').map(readExecVariable),
    provideClusterInfo: booleanField(fields, 'provideClusterInfo'),
    installHint: textField(fields, 'installHint'),
  }
}

function readExecVariable(item: unknown, index: number): { name: string; value: string } {
  if (!isFields(item)) throw new FieldProblem(`exec.env[${index}]: must be a mapping`)
  const name = requiredTextField(item, 'name', `exec.env[${index}].`)
  return { name, value: literalText(item['value'], `exec.env[${index}].value`) }
}
