import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import {
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  request,
  type Server,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { loadWebAssets, type WebAssets } from '../../../src/daemon/web-assets.ts'
import { answerPage, securityHeaders } from '../../../src/daemon/web-pages.ts'

const TOKEN = '0123456789abcdef0123456789abcdef'
const RECORDING = '/web/recordings/2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11'
const PAGE = '<!doctype html><title>page</title>'
const SCRIPT = 'console.log("a script that is long enough to become shorter");\n'.repeat(40)
const SCRIPT_PATH = '/web/assets/index-DrFh0-xU.js'
const BROWSER = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

let directory: string
let assets: WebAssets

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'web-pages-'))
  await mkdir(join(directory, 'assets'))
  await writeFile(join(directory, 'index.html'), PAGE)
  await writeFile(join(directory, 'assets/index-DrFh0-xU.js'), SCRIPT)
  await writeFile(join(directory, 'mark.svg'), '<svg/>')
  await writeFile(join(directory, '.stamp'), 'not for readers')
  await writeFile(join(directory, 'assets/index-DrFh0-xU.js.map'), '{}')
  await writeFile(join(tmpdir(), `${TOKEN}.txt`), 'elsewhere')
  await symlink(join(tmpdir(), `${TOKEN}.txt`), join(directory, 'link.txt'))
  const loaded = await loadWebAssets(directory)
  if (loaded === null) throw new Error('nothing was loaded')
  assets = loaded
})
afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
  await rm(join(tmpdir(), `${TOKEN}.txt`), { force: true })
})

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
})

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

async function ask(
  path: string,
  options: {
    readonly method?: string
    readonly headers?: OutgoingHttpHeaders
    readonly pages?: WebAssets | null
    readonly strictTransport?: boolean
  } = {},
): Promise<Answer> {
  const pages = options.pages === undefined ? assets : options.pages
  const headers = securityHeaders({ strictTransport: options.strictTransport ?? false })
  const server = createServer((incoming, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    answerPage(pages, incoming, response)
  })
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return new Promise((resolve, reject) => {
    const { port } = server.address() as AddressInfo
    const outgoing = request({
      port,
      path,
      method: options.method ?? 'GET',
      headers: options.headers ?? BROWSER,
    })
    outgoing.on('error', reject).on('response', (response) => {
      const chunks: Buffer[] = []
      response
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        )
    })
    outgoing.end()
  })
}

describe('pages', () => {
  it.each([
    '/',
    '/web',
    '/web/',
    `/web/invite/${TOKEN}`,
    `/web/reset/${TOKEN}`,
    RECORDING,
    '/?from=mail',
  ])('%s is one, and nothing keeps it', async (path) => {
    const { status, headers, body } = await ask(path)
    expect(status).toBe(200)
    expect(body.toString()).toBe(PAGE)
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
    })
  })

  it.each([
    '/nothing',
    '/web/invite',
    '/web/invite/short',
    `/web/invite/${TOKEN}0`,
    `/web/invite/${TOKEN}/more`,
    `/web/reset/${TOKEN.toUpperCase()}`,
    '/web/recordings/',
    `${RECORDING}/more`,
    RECORDING.toUpperCase(),
    '/webapi/nothing',
    '/web/index.html',
    '/web/.stamp',
    '/web/link.txt',
    '/web/assets/index-DrFh0-xU.js.map',
    '/web/../package.json',
    '/web/..%2fpackage.json',
    '/web/assets//index-DrFh0-xU.js',
    '//web/',
  ])('%s is none: a person is told so, with 404', async (path) => {
    const { status, body } = await ask(path)
    expect({ status, body: body.toString() }).toEqual({ status: 404, body: PAGE })
  })

  it('what is missing is no page for a script or an image', async () => {
    const { status, headers, body } = await ask('/web/assets/gone.js', { headers: {} })
    expect(status).toBe(404)
    expect(headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(body.toString()).not.toContain('<')
  })

  it('may run our script and style, ask our API, and nothing else', async () => {
    const policy = String((await ask('/')).headers['content-security-policy']).split('; ')
    expect(policy).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      "connect-src 'self'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ])
  })

  it('of recordings may besides run the terminal of the player, and make elements by one policy', async () => {
    const policyOf = async (path: string): Promise<string[]> =>
      String((await ask(path)).headers['content-security-policy']).split('; ')
    const [others, recordings] = [await policyOf('/'), await policyOf(RECORDING)]
    expect(recordings.filter((rule) => !others.includes(rule))).toEqual([
      "script-src 'self' 'wasm-unsafe-eval'",
      'trusted-types default',
    ])
    expect(recordings).toHaveLength(others.length)
  })
})

describe('every answer', () => {
  it.each([
    ['of a page', '/', {}],
    ['of a script', SCRIPT_PATH, {}],
    ['of nothing', '/nothing', { headers: {} }],
    ['to a wrong method', '/', { method: 'POST' }],
    ['where nothing is built', '/', { pages: null }],
  ])('%s is guarded', async (_, path, options) => {
    const { headers } = await ask(path, options)
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'content-security-policy': expect.stringContaining("default-src 'none'"),
      'permissions-policy': expect.stringContaining('camera=()'),
    })
    expect(headers).not.toHaveProperty('strict-transport-security')
  })

  it('insists on TLS where the certificate is the administrator’s own', async () => {
    const { headers } = await ask('/', { strictTransport: true })
    expect(headers['strict-transport-security']).toBe('max-age=63072000')
  })
})

describe('files', () => {
  it('with a hash in their names are kept for ever, others asked for again', async () => {
    expect((await ask(SCRIPT_PATH)).headers['cache-control']).toBe(
      'public, max-age=31536000, immutable',
    )
    expect((await ask('/web/mark.svg')).headers).toMatchObject({
      'cache-control': 'no-cache',
      'content-type': 'image/svg+xml',
    })
  })

  it.each([
    ['br, gzip', 'br', brotliDecompressSync],
    ['gzip, deflate', 'gzip', gunzipSync],
    ['br;q=0, gzip;q=0.5', 'gzip', gunzipSync],
    ['BR', 'br', brotliDecompressSync],
  ])('come compressed to who takes "%s"', async (accept, encoding, decompress) => {
    const { headers, body } = await ask(SCRIPT_PATH, { headers: { 'accept-encoding': accept } })
    expect(headers).toMatchObject({
      'content-encoding': encoding,
      'content-length': String(body.length),
      vary: 'accept-encoding',
      'content-type': 'text/javascript; charset=utf-8',
    })
    expect(body.length).toBeLessThan(SCRIPT.length)
    expect(decompress(body).toString()).toBe(SCRIPT)
  })

  it.each(['', 'deflate', 'brotli', 'br;q=0', 'gzip;q=0.000, br; q=0'])(
    'come as they are to who takes "%s"',
    async (accept) => {
      const { headers, body } = await ask(SCRIPT_PATH, { headers: { 'accept-encoding': accept } })
      expect(headers).not.toHaveProperty('content-encoding')
      expect(body.toString()).toBe(SCRIPT)
    },
  )

  it('that would not become smaller come as they are', async () => {
    const { headers } = await ask('/web/mark.svg', { headers: { 'accept-encoding': 'br, gzip' } })
    expect(headers).not.toHaveProperty('content-encoding')
  })

  it('are not sent again to who has them, and each form has a tag of its own', async () => {
    const plain = await ask(SCRIPT_PATH)
    const small = await ask(SCRIPT_PATH, { headers: { 'accept-encoding': 'br' } })
    const [tag, smallTag] = [plain.headers.etag, small.headers.etag]
    expect(tag).not.toBe(smallTag)
    const again = await ask(SCRIPT_PATH, { headers: { 'if-none-match': `"other", W/${tag}` } })
    expect({ status: again.status, length: again.body.length }).toEqual({ status: 304, length: 0 })
    expect(again.headers.etag).toBe(tag)
    const wrongForm = await ask(SCRIPT_PATH, {
      headers: { 'if-none-match': String(tag), 'accept-encoding': 'br' },
    })
    expect(wrongForm.status).toBe(200)
  })
})

describe('methods', () => {
  it('HEAD has everything but the body', async () => {
    const { status, headers, body } = await ask(SCRIPT_PATH, { method: 'HEAD' })
    expect({ status, length: body.length }).toEqual({ status: 200, length: 0 })
    expect(headers['content-length']).toBe(String(SCRIPT.length))
  })
  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND'])('%s is refused', async (method) => {
    const { status, headers } = await ask('/', { method })
    expect(status).toBe(405)
    expect(headers['allow']).toBe('GET, HEAD')
  })
})

describe('a build', () => {
  it('that is not there is answered in words that help', async () => {
    expect(await loadWebAssets(join(directory, 'nowhere'))).toBeNull()
    const { status, body } = await ask('/', { pages: null })
    expect(status).toBe(503)
    expect(body.toString()).toContain('npm run build:web')
  })
  it('with too many files, too many bytes or no page is refused', async () => {
    const limits = { maxFiles: 500, maxBytes: 1024 * 1024 }
    await expect(loadWebAssets(directory, { ...limits, maxFiles: 2 })).rejects.toMatchObject({
      code: 'WEB_PAGES_UNUSABLE',
    })
    await expect(loadWebAssets(directory, { ...limits, maxBytes: 1000 })).rejects.toMatchObject({
      code: 'WEB_PAGES_UNUSABLE',
    })
    await expect(loadWebAssets(join(directory, 'assets'), limits)).rejects.toMatchObject({
      code: 'WEB_PAGES_UNUSABLE',
      message: expect.stringContaining('no index.html'),
    })
  })
})
