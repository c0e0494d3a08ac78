import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { chooseEncoding, type WebAsset, type WebAssets } from './web-assets.ts'

/** Everything that the build names lies below this (`base` of web/vite.config.ts). */
const BASE = '/web/'

/**
 * What the pages may do: run our script and style, ask our API, show images of ours and QR codes that came as data.
 * A form never submits by itself: should the script fail, no password goes into an address.
 */
const pagePolicy = (script: string, trustedTypes: string): string =>
  [
    "default-src 'none'",
    `script-src ${script}`,
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
    `trusted-types ${trustedTypes}`,
  ].join('; ')
const PAGE_POLICY = pagePolicy("'self'", "'none'")

/**
 * The player of recordings brings its terminal as WebAssembly, which has no more rights than the script that runs it, and makes its own
 * elements out of text: one policy judges that text (web/src/features/recording/trusted-markup.ts).
 */
const RECORDING_POLICY = pagePolicy("'self' 'wasm-unsafe-eval'", 'default')
const RECORDING_PAGE = /^\/web\/recordings\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Whatever is no page needs nothing, and shows nothing when a browser is led to open it. */
const OTHER_POLICY =
  "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

const FEATURES_OFF = [
  'accelerometer',
  'camera',
  'display-capture',
  'geolocation',
  'gyroscope',
  'magnetometer',
  'microphone',
  'payment',
  'usb',
]

const EVERY_ANSWER: Readonly<Record<string, string>> = {
  'content-security-policy': OTHER_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-robots-tag': 'noindex, nofollow',
  // The address of an invite page is the invite.
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': FEATURES_OFF.map((feature) => `${feature}=()`).join(', '),
}

/** Two years, for this name alone: its neighbours are not ours to decide. */
const STRICT_TRANSPORT = 'max-age=63072000'

/**
 * Headers of every answer of the web port, the API's included. `strictTransport` only where the administrator's own
 * certificate serves: browsers keep it for the name, and ours may be on `localhost` beside other things.
 */
export function securityHeaders(options: {
  readonly strictTransport: boolean
}): Readonly<Record<string, string>> {
  return options.strictTransport
    ? { ...EVERY_ANSWER, 'strict-transport-security': STRICT_TRANSPORT }
    : EVERY_ANSWER
}

/** 200 for the paths that have a page; the page for every other path says that there is none. */
export function pageStatus(path: string): 200 | 404 {
  const isPage =
    /^\/(web\/?)?$/.test(path) ||
    /^\/web\/(invite|reset)\/[0-9a-f]{32}$/.test(path) ||
    RECORDING_PAGE.test(path)
  return isPage ? 200 : 404
}

/** Answers a request for a page or one of its files. Headers of every answer are set before. */
export function answerPage(
  assets: WebAssets | null,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    text(response, 405, 'Pages are read with GET.\n')
    return
  }
  if (assets === null) {
    text(
      response,
      503,
      'This is a Teleport proxy. Its web pages are not built: run "npm run build:web" in its directory, and start it again.\n',
    )
    return
  }
  const path = (request.url ?? '/').split('?')[0] ?? '/'
  const file = path.startsWith(BASE) ? path.slice(BASE.length) : ''
  const asset = file === 'index.html' ? undefined : assets.get(file)
  if (asset !== undefined) {
    send(asset, 200, request, response)
    return
  }
  const page = assets.get('index.html')
  const status = pageStatus(path)
  if (page === undefined || (status === 404 && !wantsPage(request))) {
    text(response, 404, 'There is nothing here.\n')
    return
  }
  response.setHeader(
    'content-security-policy',
    RECORDING_PAGE.test(path) ? RECORDING_POLICY : PAGE_POLICY,
  )
  send(page, status, request, response)
}

/** A person who follows a link, and not a script or style that is missing. */
const wantsPage = (request: IncomingMessage): boolean =>
  (request.headers.accept ?? '').includes('text/html')

function send(
  asset: WebAsset,
  status: 200 | 404,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const encoding = chooseEncoding(asset, request.headers['accept-encoding'])
  const { bytes, etag } = asset.forms[encoding] ?? asset.forms.identity
  const page = asset.contentType.startsWith('text/html')
  const headers: OutgoingHttpHeaders = {
    vary: 'accept-encoding',
    'cache-control': page
      ? 'no-store'
      : asset.immutable
        ? 'public, max-age=31536000, immutable'
        : 'no-cache',
    etag,
  }
  if (status === 200 && etagMatches(request.headers['if-none-match'], etag)) {
    response.writeHead(304, headers).end()
    return
  }
  response.writeHead(status, {
    ...headers,
    'content-type': asset.contentType,
    'content-length': bytes.length,
    ...(encoding === 'identity' ? {} : { 'content-encoding': encoding }),
  })
  // Node leaves the body of an answer to HEAD out.
  response.end(bytes)
}

/** Whether an If-None-Match names this form (RFC 9110, 13.1.2). */
const etagMatches = (condition: string | undefined, etag: string): boolean =>
  (condition ?? '').split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)

const text = (response: ServerResponse, status: number, words: string): void => {
  response
    .writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
    .end(words)
}
