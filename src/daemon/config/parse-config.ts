import { hostname } from 'node:os'
import { join } from 'node:path'
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { type ClusterMatcher, clusterMatchers } from '../../authz/index.ts'
import { errorMessage, nearest, parseDuration } from '../../core/index.ts'
import { memberServices, parseMemberServices, tokenProblem } from '../../join/index.ts'
import { assertRecipient } from '../../recording/index.ts'
import {
  defaultRecordingSettings,
  HOST_BYTES_PER_DAY,
  type RecordingSettings,
} from '../../recordings/index.ts'
import { type Address, parseAddress } from './address.ts'
import { ConfigError, type ConfigProblem } from './errors.ts'
import { isKey, isRefused, type KeyType, type SectionSpec, schema } from './schema.ts'
import type { SecretText, StaticTokenText } from './secrets.ts'

/** Each makes a chunk larger, and it must remain one that is taken. */
const MAX_RECIPIENTS = 16

export const secondFactors = ['off', 'otp', 'on'] as const
export type SecondFactor = (typeof secondFactors)[number]

/** teleport.yaml with every default applied. */
export interface TeleportConfig {
  readonly nodename: string
  readonly dataDir: string
  /** Whether agents may dial back for people's connections. */
  readonly tunnelDialBack: boolean
  readonly diagAddress: Address | null
  readonly log: {
    readonly level: 'debug' | 'info' | 'warn' | 'error'
    readonly format: 'text' | 'json'
    readonly output: string
  }
  /** `:memory:` or a file. */
  readonly databasePath: string
  /** The directory where the auth service keeps recordings. */
  readonly recordingsPath: string
  /** How this process joins a Teleport cluster whose auth service is elsewhere. */
  readonly joining: {
    /** Null: nothing says where. `auth` addresses may be those of a proxy, as the older form has them. */
    readonly server: {
      readonly kind: 'proxy' | 'auth'
      readonly addresses: readonly Address[]
    } | null
    readonly token: SecretText | null
    readonly caPins: readonly string[]
    /** `--insecure`: an authority at first use is believed unseen. */
    readonly insecure: boolean
  }
  readonly auth: {
    readonly enabled: boolean
    readonly clusterName: string
    readonly listen: Address
    /** off: a password alone logs in; otp, on: a password and a one-time code. */
    readonly secondFactor: SecondFactor
    readonly publicAddresses: readonly Address[]
    /** Static join tokens. */
    readonly tokens: readonly StaticTokenText[]
    /** Which dynamic clusters agents that joined with them may be given. */
    readonly tokensKubeResources: readonly ClusterMatcher[]
    /** Of sessions, for all services of the Teleport cluster. */
    readonly recording: RecordingSettings
    /** How long recordings are kept after their session, in milliseconds; null: forever. */
    readonly recordingRetentionMs: number | null
    /** What one service may bring of recordings in a day, in bytes; 0: as much as the disk has. */
    readonly recordingHostQuota: number
  }
  readonly proxy: {
    readonly enabled: boolean
    readonly webListen: Address
    readonly publicAddresses: readonly Address[]
    readonly keyPair: { readonly keyFile: string; readonly certFile: string } | null
    readonly proxyProtocol: boolean
    /** Who asks the web port is who `X-Forwarded-For` says. */
    readonly trustForwardedFor: boolean
    /** A port for agents that dial in, besides the web port; null: there is none. */
    readonly tunnelListen: Address | null
    /** Where agents are told to dial; empty: the web port's addresses. */
    readonly tunnelPublicAddresses: readonly Address[]
    /** Null: Kubernetes clients are not served. */
    readonly kubernetes: {
      readonly listen: Address
      readonly publicAddresses: readonly Address[]
    } | null
  }
  readonly kube: {
    readonly enabled: boolean
    /** Serves the cluster in whose pod it runs; elsewhere there is none, and that is no mistake. */
    readonly enabledInPod: boolean
    readonly listen: Address | null
    /** How others reach `listen`; empty: as it is. */
    readonly publicAddresses: readonly Address[]
    /** One file, or several that are merged as in `$KUBECONFIG`. */
    readonly kubeconfigFile: string | readonly string[] | null
    readonly kubeClusterName: string | null
    /** Which dynamic clusters it serves. */
    readonly resources: readonly ClusterMatcher[]
    readonly labels: Readonly<Record<string, string>>
    readonly commands: readonly {
      readonly name: string
      readonly command: readonly string[]
      readonly periodMs: number
    }[]
    readonly audit: 'strict' | 'best_effort'
  }
}

/** Reads teleport.yaml. Throws ConfigError with everything that is wrong in it, each with line and key. */
export function parseConfig(text: string, file: string): TeleportConfig {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const problems: ConfigProblem[] = []
  const report = (node: Node | number | null, path: string, message: string): void => {
    const offset = typeof node === 'number' ? node : (node?.range?.[0] ?? 0)
    const { line, col } = lines.linePos(offset)
    problems.push({ file, line, column: col, path, message })
  }
  for (const error of document.errors) report(error.pos[0], '', yamlWords(error.message))
  if (problems.length > 0) throw new ConfigError(problems)
  const reader = new SectionReader(report)
  const values = reader.read(document.contents, schema, '')
  judgeTogether(values, reader)
  if (problems.length > 0) throw new ConfigError(problems)
  return resolveConfig(values)
}

/** What the parser says, without the place and the picture: the place is told for every problem. */
function yamlWords(message: string): string {
  const line = message.split('\n')[0] ?? ''
  return line.replace(/ at line \d+, column \d+:?$/, '')
}

type Report = (node: Node | number | null, path: string, message: string) => void

/** The values of a file by their paths, already of the right types. */
class Values {
  readonly #values = new Map<string, unknown>()

  set(path: string, value: unknown): void {
    this.#values.set(path, value)
  }
  has(path: string): boolean {
    return this.#values.has(path)
  }
  /** The schema says which type a path has; the parser has seen to it. */
  get<T>(path: string): T | undefined {
    return this.#values.get(path) as T | undefined
  }
}

class SectionReader {
  readonly #report: Report
  readonly #nodes = new Map<string, Node>()

  constructor(report: Report) {
    this.#report = report
  }

  read(node: Node | null, spec: SectionSpec, path: string, values: Values = new Values()): Values {
    if (node === null || (isScalar(node) && node.value === null)) return values
    if (!isMap(node)) {
      this.#report(node, path, 'must be a section with keys')
      return values
    }
    for (const { key, value } of node.items) {
      const keyNode = key as Node
      const name = isScalar(keyNode) ? String(keyNode.value) : ''
      const place = path === '' ? name : `${path}.${name}`
      const child = Object.hasOwn(spec, name) ? spec[name] : undefined
      if (child === undefined) {
        this.#report(keyNode, place, `is not a known key${suggestion(name, Object.keys(spec))}`)
        continue
      }
      const valueNode = value as Node | null
      if (isRefused(child)) {
        if (!isEmptyNode(valueNode)) this.#report(keyNode, place, child.refused)
        continue
      }
      if (!isKey(child)) {
        if (valueNode !== null) this.#nodes.set(place, keyNode)
        this.read(valueNode, child, place, values)
        continue
      }
      this.#nodes.set(place, keyNode)
      if (valueNode === null || (isScalar(valueNode) && valueNode.value === null)) continue
      const read = readValue(valueNode, child.type, place)
      if ('problem' in read) this.#report(valueNode, place, read.problem)
      else values.set(place, read.value)
    }
    return values
  }

  /** Reports something about a key that is in the file. */
  problem(path: string, message: string): void {
    this.#report(this.#nodes.get(path) ?? 0, path, message)
  }
}

type Read = { readonly value: unknown } | { readonly problem: string }

function readValue(node: Node, type: KeyType, path: string): Read {
  if (typeof type === 'object') {
    const text = scalarText(node)
    const found = type.oneOf.find((value) => value.toLowerCase() === text?.toLowerCase())
    return found === undefined
      ? { problem: `must be one of ${type.oneOf.join(', ')}` }
      : { value: found }
  }
  switch (type) {
    case 'text': {
      const text = scalarText(node)
      return text === null || text === '' ? { problem: 'must be a text' } : { value: text }
    }
    case 'boolean':
      return readBoolean(node)
    case 'directory':
      return readDirectory(node)
    case 'recipients':
      return readRecipients(node)
    case 'bytes':
      return readBytes(node)
    case 'retention':
      return readRetention(node)
    case 'address':
      return readAddress(node, path)
    case 'addresses': {
      const nodes = isSeq(node) ? (node.items as Node[]) : [node]
      const read = nodes.map((item) => readAddress(item, path))
      const problem = read.find((item) => 'problem' in item)
      return problem ?? { value: read.map((item) => ('value' in item ? item.value : null)) }
    }
    case 'texts': {
      const texts = isSeq(node) ? node.items.map((item) => scalarText(item as Node)) : [null]
      return texts.includes(null) ? { problem: 'must be a list of texts' } : { value: texts }
    }
    case 'labels':
      return readLabels(node)
    case 'commands':
      return readCommands(node)
    case 'keypairs':
      return readKeyPairs(node)
    case 'authentication':
      return readAuthentication(node)
    case 'secret':
      return readSecret(node)
    case 'pins':
      return readPins(node)
    case 'tokens':
      return readTokens(node)
    case 'matchers':
      return readMatchers(node)
  }
}

/** YAML 1.1 and 1.2 differ about yes and no; both readings, quoted or not, mean what they say. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['yes', true],
  ['on', true],
  ['true', true],
  ['no', false],
  ['off', false],
  ['false', false],
])

function readBoolean(node: Node): Read {
  const value = BOOLEANS.get(scalarText(node)?.toLowerCase() ?? '')
  return value === undefined ? { problem: 'must be yes or no' } : { value }
}

/** Defaults of ports, by the key that lacks one. */
const DEFAULT_PORTS: readonly (readonly [RegExp, number])[] = [
  [/^auth_service\./, 3025],
  [/^teleport\.auth_server/, 3025],
  [/^teleport\.proxy_server/, 3080],
  [/kube|kubernetes/, 3026],
  [/^proxy_service\.tunnel_/, 3024],
  [/^proxy_service\./, 3080],
  [/^teleport\.diag_addr/, 3000],
]

function readAddress(node: Node, path: string): Read {
  const text = scalarText(node)
  const port = DEFAULT_PORTS.find(([pattern]) => pattern.test(path))?.[1] ?? 0
  // What is served there without TLS or certificate is for this machine, unless the file names a host.
  const host = path === 'teleport.diag_addr' ? '127.0.0.1' : '0.0.0.0'
  const address = text === null ? null : parseAddress(text, { host, port })
  return address === null ? { problem: addressProblem(text ?? '') } : { value: address }
}

function addressProblem(text: string): string {
  const rule = 'must be an address like 0.0.0.0:3026 or kube.example.com:443'
  if (/^\d{1,5}$/.test(text)) return `${rule}; a port alone is ":${text}"`
  if (/^https?:/i.test(text)) return `${rule}, without https://`
  return rule
}

/** What is wrong is told without the secret. */
function readSecret(node: Node): Read {
  const secret = secretOf(scalarText(node) ?? '')
  return typeof secret === 'string' ? { problem: secret } : { value: secret }
}

/** A text, or the absolute path of a file that holds it, as the original has it. */
function secretOf(text: string): SecretText | string {
  if (text.startsWith('/')) return { kind: 'file', path: text }
  const problem = text === '' ? 'must be a join token, or the path of a file that holds it' : null
  return problem ?? tokenProblem(text) ?? { kind: 'value', value: text }
}

function readPins(node: Node): Read {
  const nodes = isSeq(node) ? (node.items as Node[]) : [node]
  const pins = nodes.map((item) => (scalarText(item) ?? '').trim().toLowerCase())
  return pins.every((pin) => /^sha256:[0-9a-f]{64}$/.test(pin))
    ? { value: pins }
    : { problem: 'must be sha256:<64 hex digits>, or a list of them; "tctl status" shows it' }
}

function readTokens(node: Node): Read {
  const problem = `must be a list of "<services>:<secret>", with services of ${memberServices.join(', ')}`
  if (!isSeq(node)) return { problem }
  const tokens: StaticTokenText[] = []
  for (const item of node.items) {
    const [, names = '', text = ''] = /^([^:]+):(.*)$/s.exec(scalarText(item as Node) ?? '') ?? []
    if (names === '') return { problem }
    const read = parseMemberServices(names)
    if ('unknown' in read) {
      return { problem: `"${read.unknown}" cannot join: ${memberServices.join(' and ')} can` }
    }
    const secret = secretOf(text.trim())
    if (typeof secret === 'string') return { problem: secret }
    tokens.push({ services: read.services, secret })
  }
  return { value: tokens }
}

/** As much as the auth service takes: with one that is longer it would hear nothing of any cluster of the service. */
const MAX_LABEL_NAME_CHARS = 256
const MAX_LABEL_VALUE_CHARS = 1024
const LONG_LABEL = `the name of a label has ${MAX_LABEL_NAME_CHARS} characters at most, its value ${MAX_LABEL_VALUE_CHARS}`

function readLabels(node: Node): Read {
  if (!isMap(node)) return { problem: 'must be labels, "name: value"' }
  const labels = Object.create(null) as Record<string, string>
  for (const { key, value } of node.items) {
    const name = scalarText(key as Node)
    const text = scalarText(value as Node | null)
    if (name === null || name === '' || text === null)
      return { problem: 'must be labels, "name: value"' }
    if (name.length > MAX_LABEL_NAME_CHARS || text.length > MAX_LABEL_VALUE_CHARS)
      return { problem: LONG_LABEL }
    labels[name] = text
  }
  return { value: labels }
}

/** What roles and matchers have in common is judged by their room; here only the form. */
function readMatchers(node: Node): Read {
  const problem = 'must be a list of {labels: {name: value}}; this version knows nothing else in it'
  if (!isSeq(node)) return { problem }
  const matchers: ClusterMatcher[] = []
  for (const item of node.items) {
    const [pair] = isMap(item) ? item.items : []
    const isAlone = isMap(item) && item.items.length === 1
    if (!isAlone || scalarText(pair?.key as Node) !== 'labels' || !isMap(pair?.value)) {
      return { problem }
    }
    const labels = Object.create(null) as Record<string, string | string[]>
    for (const { key, value } of pair.value.items) {
      const name = scalarText(key as Node)
      const values = (isSeq(value) ? value.items : [value]).map((one) => scalarText(one as Node))
      const texts = values.filter((one) => one !== null)
      if (name === null || texts.length < values.length) return { problem }
      labels[name] = isSeq(value) ? texts : (texts[0] ?? '')
    }
    matchers.push({ labels })
  }
  try {
    clusterMatchers(matchers)
    return { value: matchers }
  } catch (error) {
    return { problem: errorMessage(error) }
  }
}

function readCommands(node: Node): Read {
  const problem = 'must be a list of {name, command: [program, arguments], period}'
  if (!isSeq(node)) return { problem }
  const commands: TeleportConfig['kube']['commands'][number][] = []
  for (const item of node.items) {
    if (!isMap(item)) return { problem }
    const known = item.items.every(({ key }) =>
      ['name', 'command', 'period'].includes(scalarText(key as Node) ?? ''),
    )
    const name = item.get('name')
    const command = item.get('command')
    const period = item.get('period') ?? '1m'
    if (!known || typeof name !== 'string' || typeof period !== 'string' || !isSeq(command))
      return { problem }
    const parts = command.items.map((part) => scalarText(part as Node))
    if (parts.length === 0 || parts.includes(null) || name === '') return { problem }
    if (name.length > MAX_LABEL_NAME_CHARS) return { problem: LONG_LABEL }
    try {
      const periodMs = parseDuration(period)
      if (periodMs < 1000) return { problem: 'a period is at least 1s' }
      commands.push({ name, command: parts.map(String), periodMs })
    } catch (error) {
      return { problem: errorMessage(error) }
    }
  }
  return { value: commands }
}

function readKeyPairs(node: Node): Read {
  const first = isSeq(node) ? node.items[0] : undefined
  if (!isMap(first)) return { problem: 'must be a list of {key_file, cert_file}' }
  const keyFile = first.get('key_file')
  const certFile = first.get('cert_file')
  return typeof keyFile === 'string' && typeof certFile === 'string'
    ? { value: { keyFile, certFile } }
    : { problem: 'must be a list of {key_file, cert_file}' }
}

/** `file:///path`, as the original writes it, or the path alone. */
function readDirectory(node: Node): Read {
  const path = scalarText(node)?.replace(/^file:\/\//, '') ?? ''
  return path.startsWith('/')
    ? { value: path }
    : {
        problem:
          'must be file:// and the absolute path of a directory: this version keeps them nowhere else',
      }
}

function readRecipients(node: Node): Read {
  const problem = `must be one to ${MAX_RECIPIENTS} age recipients, age1…`
  const nodes = isSeq(node) ? (node.items as Node[]) : [node]
  const recipients = nodes.map((item) => scalarText(item) ?? '')
  if (recipients.length === 0 || recipients.length > MAX_RECIPIENTS) return { problem }
  try {
    for (const recipient of recipients) assertRecipient(recipient)
    return { value: recipients }
  } catch {
    return { problem }
  }
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}

function readBytes(node: Node): Read {
  const [, number, unit = ''] = /^(\d{1,12}) ?([KMG]iB|B)?$/.exec(scalarText(node) ?? '') ?? []
  return number === undefined
    ? { problem: 'must be a number of bytes, like 4MiB (B, KiB, MiB, GiB)' }
    : { value: Number(number) * (UNITS[unit] ?? 1) }
}

/** A slip that removes everything at once is no retention. */
const MIN_RETENTION_MS = 3_600_000

/** In milliseconds. */
function readRetention(node: Node): Read {
  const problem = 'must be a duration of an hour or more, like 90d or 2160h'
  try {
    const ms = parseDuration(scalarText(node) ?? '')
    return ms < MIN_RETENTION_MS ? { problem } : { value: ms }
  } catch {
    return { problem }
  }
}

/** Which second factor logins ask for. */
function readAuthentication(node: Node): Read {
  if (!isMap(node)) return { problem: 'must have type and second_factor' }
  let secondFactor: SecondFactor = 'otp'
  for (const { key, value } of node.items) {
    const name = scalarText(key as Node)
    const text = scalarText(value as Node | null)
    if (name === 'type' && text === 'local') continue
    const found = secondFactors.find((known) => known === text)
    if (name === 'second_factor' && found !== undefined) {
      secondFactor = found
      continue
    }
    return {
      problem: `${name ?? ''}: this version knows type: local and second_factor: off, otp or on`,
    }
  }
  return { value: secondFactor }
}

function scalarText(node: Node | null): string | null {
  if (!isScalar(node)) return null
  const { value, source } = node
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? (source ?? String(value)) : null
}

const isEmptyNode = (node: Node | null): boolean =>
  node === null ||
  (isScalar(node) && (node.value === null || node.value === '')) ||
  (isSeq(node) && node.items.length === 0)

/** What no key can be judged for alone. */
function judgeTogether(values: Values, reader: SectionReader): void {
  const exclusive = (one: string, other: string): void => {
    if (values.has(one) && values.has(other))
      reader.problem(other, `cannot stand beside ${one}: choose one`)
  }
  exclusive('kubernetes_service.kubeconfig_file', 'kubernetes_service.kube_cluster_name')
  exclusive('proxy_service.kubernetes.listen_addr', 'proxy_service.kube_listen_addr')
  exclusive('proxy_service.kubernetes.public_addr', 'proxy_service.kube_public_addr')
  exclusive('proxy_service.https_keypairs', 'proxy_service.https_key_file')
  exclusive('teleport.proxy_server', 'teleport.auth_server')
  exclusive('teleport.proxy_server', 'teleport.auth_servers')
  exclusive('teleport.auth_server', 'teleport.auth_servers')
  exclusive('teleport.auth_token', 'teleport.join_params.token_name')
  for (const path of ['teleport.proxy_server', 'teleport.auth_server', 'teleport.auth_servers']) {
    const value = values.get<Address | Address[]>(path) ?? []
    const addresses = Array.isArray(value) ? value : [value]
    if (addresses.some(({ host }) => host === '0.0.0.0' || host === '::')) {
      reader.problem(path, 'must name the host to connect to, like proxy.example.com:3080')
    }
  }
  if (
    values.has('proxy_service.kube_listen_addr') &&
    values.get('proxy_service.kubernetes.enabled') === false
  ) {
    reader.problem(
      'proxy_service.kube_listen_addr',
      'enables Kubernetes, and proxy_service.kubernetes.enabled says no',
    )
  }
  if (values.has('proxy_service.https_key_file') !== values.has('proxy_service.https_cert_file')) {
    const path = values.has('proxy_service.https_key_file') ? 'https_key_file' : 'https_cert_file'
    reader.problem(`proxy_service.${path}`, 'goes together with https_key_file and https_cert_file')
  }
  if (values.get('ssh_service.enabled') === true) {
    reader.problem(
      'ssh_service.enabled',
      'there is no SSH service in this product: say no, or leave it out',
    )
  }
  if (
    values.get('kubernetes_service.enabled') === true &&
    values.has('proxy_service.kubernetes.kubeconfig_file')
  ) {
    reader.problem(
      'proxy_service.kubernetes.kubeconfig_file',
      'belongs into kubernetes_service.kubeconfig_file when that service is enabled',
    )
  }
}

function resolveConfig(values: Values): TeleportConfig {
  const nodename = values.get<string>('teleport.nodename') ?? hostname()
  const dataDir = values.get<string>('teleport.data_dir') ?? '/var/lib/teleport'
  const severity = (values.get<string>('teleport.log.severity') ?? 'INFO').toUpperCase()
  const storagePath = values.get<string>('teleport.storage.path') ?? join(dataDir, 'backend')
  return {
    nodename,
    dataDir,
    tunnelDialBack: values.get<boolean>('teleport.tunnel_dial_back') ?? true,
    diagAddress: values.get<Address>('teleport.diag_addr') ?? null,
    log: {
      level: LEVELS[severity] ?? 'info',
      format: values.get<'text' | 'json'>('teleport.log.format.output') ?? 'text',
      output: values.get<string>('teleport.log.output') ?? 'stderr',
    },
    databasePath:
      values.get<string>('teleport.storage.type') === 'memory'
        ? ':memory:'
        : join(storagePath, 'teleport.db'),
    recordingsPath:
      values.get<string>('teleport.storage.audit_sessions_uri') ?? join(dataDir, 'recordings'),
    joining: resolveJoining(values),
    auth: {
      enabled: values.get<boolean>('auth_service.enabled') ?? true,
      clusterName: values.get<string>('auth_service.cluster_name') ?? nodename,
      listen: values.get<Address>('auth_service.listen_addr') ?? { host: '0.0.0.0', port: 3025 },
      secondFactor: values.get<SecondFactor>('auth_service.authentication') ?? 'otp',
      publicAddresses: values.get<Address[]>('auth_service.public_addr') ?? [],
      tokens: values.get<StaticTokenText[]>('auth_service.tokens') ?? [],
      tokensKubeResources:
        values.get<ClusterMatcher[]>('auth_service.static_tokens_kube_resources') ?? [],
      recording: resolveRecording(values),
      recordingRetentionMs: values.get<number>('auth_service.session_recording_retention') ?? null,
      recordingHostQuota:
        values.get<number>('auth_service.session_recording_host_quota') ?? HOST_BYTES_PER_DAY,
    },
    proxy: resolveProxy(values),
    kube: resolveKube(values),
  }
}

function resolveRecording(values: Values): RecordingSettings {
  const mode = values.get<string>('auth_service.session_recording') ?? 'node'
  return {
    records: mode !== 'off',
    strict: mode.endsWith('-sync'),
    recipients: values.get<string[]>('auth_service.session_recording_recipients') ?? [],
    pipeBytes:
      values.get<number>('auth_service.session_recording_pipe_bytes') ??
      defaultRecordingSettings.pipeBytes,
  }
}

function resolveJoining(values: Values): TeleportConfig['joining'] {
  const proxy = values.get<Address>('teleport.proxy_server')
  const auth = values.get<Address>('teleport.auth_server')
  const several = values.get<Address[]>('teleport.auth_servers') ?? []
  const authAddresses = auth === undefined ? several : [auth]
  return {
    server:
      proxy !== undefined
        ? { kind: 'proxy', addresses: [proxy] }
        : authAddresses.length > 0
          ? { kind: 'auth', addresses: authAddresses }
          : null,
    token:
      values.get<SecretText>('teleport.auth_token') ??
      values.get<SecretText>('teleport.join_params.token_name') ??
      null,
    caPins: values.get<string[]>('teleport.ca_pin') ?? [],
    insecure: false,
  }
}

const LEVELS: Readonly<Record<string, TeleportConfig['log']['level']>> = {
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  WARNING: 'warn',
  ERROR: 'error',
}

function resolveProxy(values: Values): TeleportConfig['proxy'] {
  const shortcut = values.get<Address>('proxy_service.kube_listen_addr')
  const enabled = values.get<boolean>('proxy_service.kubernetes.enabled') ?? shortcut !== undefined
  const keyFile = values.get<string>('proxy_service.https_key_file')
  const certFile = values.get<string>('proxy_service.https_cert_file')
  return {
    enabled: values.get<boolean>('proxy_service.enabled') ?? true,
    webListen: values.get<Address>('proxy_service.web_listen_addr') ?? {
      host: '0.0.0.0',
      port: 3080,
    },
    publicAddresses: values.get<Address[]>('proxy_service.public_addr') ?? [],
    keyPair:
      keyFile !== undefined && certFile !== undefined
        ? { keyFile, certFile }
        : (values.get<{ keyFile: string; certFile: string }>('proxy_service.https_keypairs') ??
          null),
    proxyProtocol: values.get<boolean>('proxy_service.proxy_protocol') ?? false,
    trustForwardedFor: values.get<boolean>('proxy_service.trust_x_forwarded_for') ?? false,
    tunnelListen: values.get<Address>('proxy_service.tunnel_listen_addr') ?? null,
    tunnelPublicAddresses: values.get<Address[]>('proxy_service.tunnel_public_addr') ?? [],
    kubernetes: enabled
      ? {
          listen: shortcut ??
            values.get<Address>('proxy_service.kubernetes.listen_addr') ?? {
              host: '0.0.0.0',
              port: 3026,
            },
          publicAddresses:
            values.get<Address[]>('proxy_service.kube_public_addr') ??
            values.get<Address[]>('proxy_service.kubernetes.public_addr') ??
            [],
        }
      : null,
  }
}

/**
 * The old form, `proxy_service.kubernetes` without a service, serves clusters itself: those of its kubeconfig, else the one
 * in whose pod it runs. Without either it opens the port only, for clusters of services elsewhere.
 */
function resolveKube(values: Values): TeleportConfig['kube'] {
  const enabled = values.get<boolean>('kubernetes_service.enabled') ?? false
  const oldFile = values.get<string>('proxy_service.kubernetes.kubeconfig_file')
  const oldEnabled = !enabled && values.get<boolean>('proxy_service.kubernetes.enabled') === true
  return {
    enabled: enabled || (oldEnabled && oldFile !== undefined),
    enabledInPod: oldEnabled && oldFile === undefined,
    listen: values.get<Address>('kubernetes_service.listen_addr') ?? null,
    publicAddresses: values.get<Address[]>('kubernetes_service.public_addr') ?? [],
    kubeconfigFile: values.get<string>('kubernetes_service.kubeconfig_file') ?? oldFile ?? null,
    kubeClusterName: values.get<string>('kubernetes_service.kube_cluster_name') ?? null,
    resources: values.get<ClusterMatcher[]>('kubernetes_service.resources') ?? [],
    labels: values.get<Record<string, string>>('kubernetes_service.labels') ?? {},
    commands: values.get<TeleportConfig['kube']['commands']>('kubernetes_service.commands') ?? [],
    audit: values.get<'strict' | 'best_effort'>('kubernetes_service.audit') ?? 'strict',
  }
}

/** The known key that is nearest, when it is near enough to be a slip. */
function suggestion(name: string, known: readonly string[]): string {
  const [best] = nearest(name, known)
  return best !== undefined ? `: did you mean ${best}?` : ` here (known: ${known.join(', ')})`
}
