import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { errorCode } from '../core/index.ts'
import { DaemonError } from './errors.ts'

export interface WebAssetLimits {
  /** Files of a build; ours has about ten. More is not a build of ours. */
  readonly maxFiles: number
  /** All files together, as they lie there: they stay in memory, with their compressed forms. */
  readonly maxBytes: number
}

export const defaultWebAssetLimits: WebAssetLimits = {
  maxFiles: 500,
  maxBytes: 16 * 1024 * 1024,
}

/** In the order in which we like to send them. */
const ENCODINGS = ['br', 'gzip'] as const
type Encoding = (typeof ENCODINGS)[number] | 'identity'

/** One form of a file, ready to be sent. */
interface Representation {
  readonly bytes: Buffer
  /** Strong and of this form alone, quotes included. */
  readonly etag: string
}

export interface WebAsset {
  readonly contentType: string
  /** The name holds a hash of the content, so that it can be kept for ever. */
  readonly immutable: boolean
  readonly forms: Readonly<Partial<Record<Encoding, Representation>>> & {
    readonly identity: Representation
  }
}

/** The built pages by path below their base, `/` between names. There is always an `index.html`. */
export type WebAssets = ReadonlyMap<string, WebAsset>

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
}

/** Where the build puts files whose names hold a hash (`build.assetsDir` of web/vite.config.ts). */
const HASHED = /^assets\/.+-[\w-]{8,}\.[a-z]+$/

/** Nearly as small as the strongest, in a fiftieth of the time: this runs at every start. */
const BROTLI_QUALITY = 6

const compressors: Readonly<
  Record<(typeof ENCODINGS)[number], (bytes: Buffer) => Promise<Buffer>>
> = {
  br: (bytes) =>
    promisify(brotliCompress)(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY },
    }),
  gzip: (bytes) => promisify(gzip)(bytes),
}

/**
 * Reads a build of web/ into memory, so that no request ever leads to the file system. Null when there is none.
 * Names that begin with a dot, links, and files of a type that no page uses are left out. Rejects with WEB_PAGES_UNUSABLE
 * when it is larger than the limits or has no `index.html`.
 */
export async function loadWebAssets(
  directory: string,
  limits: WebAssetLimits = defaultWebAssetLimits,
): Promise<WebAssets | null> {
  const names = await listFiles(directory)
  if (names === null) return null
  if (names.length > limits.maxFiles) {
    throw unusable(directory, `${names.length} files, where ${limits.maxFiles} is the limit`)
  }
  let budget = limits.maxBytes
  const assets = new Map<string, WebAsset>()
  for (const name of names) {
    const path = join(directory, name)
    budget -= (await stat(path)).size
    if (budget < 0) throw unusable(directory, `more than ${limits.maxBytes} bytes`)
    const contentType = TYPES[extname(name)]
    if (contentType === undefined) continue
    const forms = await buildForms(await readFile(path))
    assets.set(name, { contentType, immutable: HASHED.test(name), forms })
  }
  if (!assets.has('index.html')) throw unusable(directory, 'no index.html')
  return assets
}

/** The best form that the client takes, by its Accept-Encoding; `identity` when in doubt. */
export function chooseEncoding(asset: WebAsset, acceptEncoding: string | undefined): Encoding {
  const accepted = new Map(
    (acceptEncoding ?? '').split(',').map((part): [string, boolean] => {
      const [coding = '', ...parameters] = part.toLowerCase().split(';')
      const refused = parameters.some((parameter) => /^\s*q=0(\.0*)?\s*$/.test(parameter))
      return [coding.trim(), !refused]
    }),
  )
  const best = ENCODINGS.find(
    (encoding) => accepted.get(encoding) === true && asset.forms[encoding] !== undefined,
  )
  return best ?? 'identity'
}

async function listFiles(directory: string): Promise<string[] | null> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(directory, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
      .filter((name) => !/(^|\/)\./.test(name))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  }
}

async function buildForms(bytes: Buffer): Promise<WebAsset['forms']> {
  const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
  const form = (encoded: Buffer, encoding: Encoding): Representation => ({
    bytes: encoded,
    etag: `"${hash}-${encoding}"`,
  })
  const forms: Partial<Record<Encoding, Representation>> = {}
  for (const encoding of ENCODINGS) {
    const encoded = await compressors[encoding](bytes)
    if (encoded.length < bytes.length) forms[encoding] = form(encoded, encoding)
  }
  return { ...forms, identity: form(bytes, 'identity') }
}

const unusable = (directory: string, why: string): DaemonError =>
  new DaemonError(
    'WEB_PAGES_UNUSABLE',
    `the web pages in ${directory} cannot be served: ${why}; build them again with "npm run build:web"`,
  )
