import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { StrangerAnswer, StrangerPort } from '../api/index.ts'
import { errorMessage, type Logger } from '../core/index.ts'
import { chainedChunks } from '../recording/index.ts'
import { isSameOrigin, refusal, sendAnswer, servePost, type WebRoute } from './web-calls.ts'
import { MAX_PAGE_RECORD_BYTES, webCast } from './web-cast.ts'

const OPEN = '/webapi/recordings/open'
const READ =
  /^\/webapi\/recordings\/(?<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?<cast>\/cast)?$/
/** `__Secure-`: browsers take it over TLS only, whoever sets it. */
const COOKIE = '__Secure-teleport-recording'
const VIEW = /^[0-9a-f]{32}$/

/** Whoever looks at a recording, and at which. */
interface Viewer {
  readonly id: string
  readonly view: string
  readonly address: string
}

/** What is told of a recording; the rest of it is the page's business. */
interface Described {
  readonly recording: {
    readonly chunks: number
    readonly bytes: number | null
    readonly sha256: string | null
    readonly state: string
  }
}

/**
 * The calls of the page of a recording. `POST /webapi/recordings/open` uses a link up for a cookie, which this recording's own paths
 * alone are sent and no script can read; with it `GET /webapi/recordings/<id>` tells of the recording, and `…/cast` gives it as asciicast.
 */
export function createRecordingRoutes(strangers: StrangerPort, log: Logger): WebRoute {
  return (request, response, address) => {
    const path = request.url ?? ''
    if (path === OPEN) {
      void servePost(request, response, (body) => open(strangers, response, body, address))
      return true
    }
    const { id, cast } = READ.exec(path)?.groups ?? {}
    if (id === undefined) return false
    const view = viewOf(request)
    const refused = refusalOf(request, view)
    if (refused !== null || view === null) {
      if (refused?.status === 405) response.setHeader('allow', 'GET')
      sendAnswer(response, refused ?? ended)
      return true
    }
    const viewer: Viewer = { id, view, address }
    const answered =
      cast === undefined
        ? describe(strangers, response, viewer)
        : streamCast(strangers, response, viewer)
    answered.catch((error: unknown) => {
      log.debug({ error: errorMessage(error) }, 'a recording did not reach its page')
      response.destroy()
    })
    return true
  }
}

async function open(
  strangers: StrangerPort,
  response: ServerResponse,
  body: unknown,
  address: string,
): Promise<StrangerAnswer> {
  const answer = await strangers.call('recording_views.open', body, address)
  if (answer.status !== 200) return answer
  const { view, expires } = answer.body as { view: string; expires: string }
  // It was judged before it was used.
  const { id } = body as { id: string }
  // It ends with the browser, or when auth says so: the clocks of browsers are anybody's.
  const cookie = [
    `${COOKIE}=${view}`,
    `Path=/webapi/recordings/${id}`,
    'HttpOnly',
    'Secure',
    'SameSite=Strict',
  ]
  response.setHeader('set-cookie', cookie.join('; '))
  return { ...answer, body: { expires } }
}

const ended = refusal(
  401,
  'nothing shows that you may see this: open the recording with "tsh recordings open"',
  'RECORDING_VIEW_ENDED',
)

function refusalOf(request: IncomingMessage, view: string | null): StrangerAnswer | null {
  if (request.method !== 'GET') return refusal(405, 'only GET is answered here')
  if (!isSameOrigin(request.headers)) return refusal(403, 'only pages of this server may ask')
  return view === null ? ended : null
}

function viewOf({ headers }: IncomingMessage): string | null {
  for (const pair of (headers.cookie ?? '').split(';')) {
    const [name, value = ''] = pair.trim().split('=')
    if (name === COOKIE && VIEW.test(value)) return value
  }
  return null
}

async function describe(
  strangers: StrangerPort,
  response: ServerResponse,
  { id, view, address }: Viewer,
): Promise<void> {
  const answer = await strangers.call('recording_views.describe', { id, view }, address)
  if (answer.status !== 200) {
    sendAnswer(response, answer)
    return
  }
  const { recording, ...rest } = answer.body as Described
  const shortened = (recording.bytes ?? 0) > MAX_PAGE_RECORD_BYTES
  sendAnswer(response, { ...answer, body: { ...rest, recording, shortened } })
}

async function streamCast(
  strangers: StrangerPort,
  response: ServerResponse,
  viewer: Viewer,
): Promise<void> {
  const { id, view, address } = viewer
  const described = await strangers.call('recording_views.describe', { id, view }, address)
  if (described.status !== 200) {
    sendAnswer(response, described)
    return
  }
  const { chunks, sha256, state } = (described.body as Described).recording
  const read = (index: number): Promise<StrangerAnswer> =>
    strangers.call('recording_views.chunk', { id, view, index }, address)
  // A refusal has to come before the head of the answer.
  const first = chunks === 0 ? null : await read(0)
  if (first !== null && first.status !== 200) {
    sendAnswer(response, first)
    return
  }
  response.writeHead(200, {
    'content-type': 'application/x-asciicast; charset=utf-8',
    'cache-control': 'no-store',
  })
  const files = eachChunk(first, chunks, read)
  const proven = sha256 === null ? files : chainedChunks(files, sha256)
  await pipeline(Readable.from(webCast(proven, state === 'complete')), response)
}

async function* eachChunk(
  first: StrangerAnswer | null,
  chunks: number,
  read: (index: number) => Promise<StrangerAnswer>,
): AsyncGenerator<Buffer, void, undefined> {
  for (let index = 0; index < chunks; index += 1) {
    const answer = index === 0 && first !== null ? first : await read(index)
    if (!(answer.body instanceof Uint8Array)) {
      throw new Error(`piece ${index} of a recording was answered with ${answer.status}`)
    }
    const { buffer, byteOffset, byteLength } = answer.body
    yield Buffer.from(buffer, byteOffset, byteLength)
  }
}
