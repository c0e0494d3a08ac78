import { KeptBytes } from '../protocol/index.ts'
import { TunnelError } from './errors.ts'

/** A cluster's name that an agent serves, with the certificate of the host CA that says so. */
export interface AnnouncedName {
  /** The TLS server name. */
  readonly serverName: string
  /** DER; issued to the agent's own host id. */
  readonly certificate: Uint8Array
  /** Whether the cluster behind it answers: who is told of several agents takes a healthy one. */
  readonly healthy: boolean
}

/** Everything that an agent serves, as of now; each announcement replaces the former one. */
export interface Announcement {
  /** The agent's version, for inventories. */
  readonly version: string
  readonly names: readonly AnnouncedName[]
}

const VERSION_CHARS = 64
const SERVER_NAME_CHARS = 253

/** One line of JSON, its end included. */
export function formatAnnouncement({ version, names }: Announcement): string {
  const entries = names.map(({ serverName, certificate, healthy }) => ({
    name: serverName,
    certificate: Buffer.from(certificate).toString('base64'),
    healthy,
  }))
  return `${JSON.stringify({ v: 1, version, names: entries })}\n`
}

/** Throws TunnelError TUNNEL_ANNOUNCEMENT_INVALID. What a later version adds to a line is skipped: it proves nothing here. */
export function parseAnnouncement(line: string, { maxNames }: { maxNames: number }): Announcement {
  const { v, version, names } = record(parseJson(line))
  if (v !== 1) throw invalid('its version is unknown')
  if (typeof version !== 'string' || version.length > VERSION_CHARS) {
    throw invalid("the agent's version is no short text")
  }
  if (!Array.isArray(names)) throw invalid('names are missing')
  if (names.length > maxNames) throw invalid(`more than ${maxNames} names`)
  return { version, names: names.map(announcedName) }
}

function announcedName(entry: unknown): AnnouncedName {
  const { name, certificate, healthy } = record(entry)
  if (typeof name !== 'string' || name === '' || name.length > SERVER_NAME_CHARS) {
    throw invalid('a name is no server name')
  }
  if (typeof certificate !== 'string' || typeof healthy !== 'boolean') {
    throw invalid('a name lacks its certificate or its health')
  }
  return { serverName: name, certificate: Buffer.from(certificate, 'base64'), healthy }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('its shape')
  return value as Readonly<Record<string, unknown>>
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown
  } catch (cause) {
    throw new TunnelError('TUNNEL_ANNOUNCEMENT_INVALID', 'an announcement is not JSON', { cause })
  }
}

const invalid = (why: string): TunnelError =>
  new TunnelError('TUNNEL_ANNOUNCEMENT_INVALID', `an announcement cannot be read: ${why}`)

/** Cuts a byte stream into lines. */
export class LineReader {
  readonly #maxBytes: number
  readonly #kept = new KeptBytes()

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** In how many pieces of memory a line is kept that is not whole yet. */
  get pieces(): number {
    return this.#kept.pieces
  }

  /** The lines that are whole now. Throws TunnelError TUNNEL_ANNOUNCEMENT_INVALID at the first byte too much. */
  push(chunk: Buffer): string[] {
    const lines: string[] = []
    let rest = chunk
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      this.#keep(rest.subarray(0, end))
      lines.push(this.#kept.joined().toString('utf8'))
      this.#kept.reset(NOTHING)
      rest = rest.subarray(end + 1)
    }
    if (rest.length > 0) this.#keep(rest)
    return lines
  }

  #keep(part: Buffer): void {
    if (this.#kept.length + part.length > this.#maxBytes) {
      throw invalid(`more than ${this.#maxBytes} bytes`)
    }
    this.#kept.push(part)
  }
}

const NOTHING = Buffer.alloc(0)
