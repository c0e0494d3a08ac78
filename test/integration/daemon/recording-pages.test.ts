import { generateKeyPairSync } from 'node:crypto'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiClient, readAdminIdentity } from '../../../src/client/index.ts'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { openDirectoryStore } from '../../../src/recordings/index.ts'
import { freshFacts, keepRecording, output, session } from '../../support/recordings.ts'
import { Estate, PERSON } from './support/estate.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Auth and a proxy in processes of their own, a load balancer in front. */
describe('the page of a recording, from a proxy away from auth', () => {
  let estate: Estate
  let id: string
  let alice: ApiClient
  beforeAll(async () => {
    estate = await Estate.open({ proxies: 1, agents: { out: { clusters: ['west'] } } })
    const store = await openDirectoryStore({
      path: join(estate.auth.directory, 'data', 'recordings'),
      clock: systemClock,
      log: silentLogger,
    })
    const facts = freshFacts({ startedMs: Date.now() + 60_000 })
    const frames = [output(1, 'one\r\n'), output(2, 'two\r\n'), output(3, 'oh\r\n', 'stderr')]
    id = (await keepRecording(store, session(facts, frames), { framesPerChunk: 1 })).sessionId
    // It reads the directory at its start.
    await estate.auth.end('SIGTERM')
    await estate.auth.start()
    const admin = await readAdminIdentity(join(estate.auth.directory, 'data'))
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    using administrator = new ApiClient(admin)
    const { certificate } = await administrator.call('users.certificates.create', {
      params: { name: 'alice' },
      body: { public_key: publicKey.export({ type: 'spki', format: 'pem' }).toString() },
    })
    alice = new ApiClient({
      ...admin,
      certificate,
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    })
  })
  afterAll(async () => {
    alice?.[Symbol.dispose]()
    await estate?.[Symbol.asyncDispose]()
  })

  function ask(
    path: string,
    options: { body?: unknown; headers?: OutgoingHttpHeaders } = {},
  ): Promise<Answer> {
    const { body, headers = {} } = options
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: estate.balancers[0]?.port,
          path,
          method: body === undefined ? 'GET' : 'POST',
          // Whose certificate it is, is another test's business.
          rejectUnauthorized: false,
          agent: false,
          headers: {
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...headers,
          },
        },
        (response) => {
          let text = ''
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString()
          })
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
          )
          response.on('error', reject)
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  it('is opened by a link, tells of the recording, and gives it as asciicast', async () => {
    const { token } = await alice.call('recordings.link', { params: { id } })
    const opened = await ask('/webapi/recordings/open', { body: { id, token } })
    expect(opened.status).toBe(200)
    expect(opened.text).not.toMatch(/[0-9a-f]{32}/)
    const [cookie = ''] = opened.headers['set-cookie'] ?? []
    const pair = cookie.split(';')[0] ?? ''

    const told = await ask(`/webapi/recordings/${id}`, { headers: { cookie: pair } })
    expect(JSON.parse(told.text)).toMatchObject({
      viewer: 'alice',
      shortened: false,
      recording: { session_id: id, state: 'complete' },
    })
    const cast = await ask(`/webapi/recordings/${id}/cast`, { headers: { cookie: pair } })
    expect(cast).toMatchObject({
      status: 200,
      headers: {
        'content-type': 'application/x-asciicast; charset=utf-8',
        'cache-control': 'no-store',
      },
    })
    const events = cast.text.trimEnd().split('\n').slice(1)
    expect(events.map((line) => JSON.parse(line) as unknown)).toEqual([
      [0.001, 'o', 'one\r\n'],
      [0.002, 'o', 'two\r\n'],
      [0.003, 'o', 'oh\r\n'],
      [0.003, 'e', 'oh\r\n'],
      [0.013, 'm', 'ended with 0'],
    ])
    expect(await ask('/webapi/recordings/open', { body: { id, token } })).toMatchObject({
      status: 410,
      text: expect.stringContaining('RECORDING_LINK_USED') as string,
    })
  })

  it('is looked at from where the person is, in the audit log', async () => {
    const looks = async (): Promise<unknown[]> =>
      (await estate.events('--event=session.recording.access')).map((event) => [
        event['user'],
        event['method'],
        event['addr.remote'],
      ])
    await expect.poll(looks).toContainEqual(['alice', 'web', `${PERSON.address}:${PERSON.port}`])
  })

  it('is shown to nobody without the cookie', async () => {
    expect(await ask(`/webapi/recordings/${id}`)).toMatchObject({ status: 401 })
    const cookie = `__Secure-teleport-recording=${'0'.repeat(32)}`
    expect(await ask(`/webapi/recordings/${id}/cast`, { headers: { cookie } })).toMatchObject({
      status: 401,
      text: expect.stringContaining('RECORDING_VIEW_ENDED') as string,
    })
  })
})
