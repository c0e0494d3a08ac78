import { randomUUID } from 'node:crypto'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ApiClient } from '../../../src/client/index.ts'
import type { ResponseOf } from '../../../src/contract/index.ts'
import type { RecordFrame } from '../../../src/recording/index.ts'
import { freshFacts, keepRecording, output, session } from '../../support/recordings.ts'
import { TestClock } from './support/people.ts'
import { TestApi } from './support/test-api.ts'

const BROWSER = '192.0.2.7:4711'
const FRAMES: readonly RecordFrame[] = [output(1, 'one'), output(2, 'two'), output(3, 'three')]

describe('a link to a recording', () => {
  let api: TestApi
  let clock: TestClock
  let id: string

  beforeEach(async () => {
    clock = new TestClock()
    api = await TestApi.start({ clock })
    await api.stores.roles.create({
      kind: 'role',
      version: 'v7',
      metadata: { name: 'reviewer' },
      spec: { allow: { rules: [{ resources: ['session'], verbs: ['list', 'read'] }] } },
    })
    await expect.poll(() => api.access.current().roles.has('reviewer')).toBe(true)
    const facts = freshFacts({ startedMs: clock.now() })
    id = (await keepRecording(api.recordings, session(facts, FRAMES))).sessionId
  })
  afterEach(() => api[Symbol.asyncDispose]())

  type Link = ResponseOf<'recordings.link'>
  async function linkOf(user: string, roles: string[], recording = id): Promise<Link> {
    using client = new ApiClient(await api.as(user, roles))
    return await client.call('recordings.link', { params: { id: recording } })
  }
  const open = (token: string, recording = id, address = BROWSER) =>
    api.strangers.call('recording_views.open', { id: recording, token }, address)
  const describeView = (view: string, recording = id, address = BROWSER) =>
    api.strangers.call('recording_views.describe', { id: recording, view }, address)
  const chunk = (view: string, index: number, recording = id) =>
    api.strangers.call('recording_views.chunk', { id: recording, view, index }, BROWSER)
  async function opened(link: Link): Promise<string> {
    const answer = await open(link.token)
    expect(answer).toMatchObject({ status: 200 })
    return (answer.body as { view: string }).view
  }
  const refused = (code: string): unknown => ({ body: { error: { code } } })
  const events = (name: string) => api.events.filter(({ event }) => event === name)

  it('opens it once, and shows that recording alone', async () => {
    const link = await linkOf('rita', ['reviewer'])
    expect(link.path).toBe(`/web/recordings/${id}#${link.token}`)
    expect(link.url).toBe(`https://proxy.example.com${link.path}`)
    const view = await opened(link)
    expect(await describeView(view)).toMatchObject({
      status: 200,
      body: { viewer: 'rita', recording: { session_id: id, user: 'alice', chunks: 2 } },
    })
    const { status, body } = await chunk(view, 1)
    expect({ status, body }).toEqual({ status: 200, body: await api.recordings.readChunk(id, 1) })
    expect(await open(link.token)).toMatchObject({
      status: 410,
      ...(refused('RECORDING_LINK_USED') as object),
    })
  })

  it('of two who use it at the same time shows it to one', async () => {
    const { token } = await linkOf('rita', ['reviewer'])
    const answers = await Promise.all([open(token), open(token), open(token)])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 410, 410])
  })

  it('leads to no other recording, and neither does what it opened', async () => {
    const facts = freshFacts({ startedMs: clock.now() })
    const other = (await keepRecording(api.recordings, session(facts, FRAMES))).sessionId
    const link = await linkOf('rita', ['reviewer'])
    expect(await open(link.token, other)).toMatchObject(refused('RECORDING_LINK_INVALID') as object)
    const view = await opened(link)
    expect(await describeView(view, other)).toMatchObject(refused('RECORDING_VIEW_ENDED') as object)
    expect(await chunk(view, 0, other)).toMatchObject(refused('RECORDING_VIEW_ENDED') as object)
    // A link is no view, and a view no link.
    expect(await describeView(link.token)).toMatchObject(refused('RECORDING_VIEW_ENDED') as object)
    expect(await open(view)).toMatchObject(refused('RECORDING_LINK_INVALID') as object)
  })

  it('ends after five minutes, and what it opened after half an hour', async () => {
    const late = await linkOf('rita', ['reviewer'])
    const link = await linkOf('rita', ['reviewer'])
    const view = await opened(link)
    clock.advance(5 * 60_000)
    expect(await open(late.token)).toMatchObject(refused('RECORDING_LINK_INVALID') as object)
    clock.advance(24 * 60_000)
    expect(await describeView(view)).toMatchObject({ status: 200 })
    clock.advance(60_000)
    expect(await describeView(view)).toMatchObject({
      status: 401,
      ...(refused('RECORDING_VIEW_ENDED') as object),
    })
  })

  it('shows nothing more once its owner lost the role, was locked out, or is gone', async () => {
    const view = await opened(await linkOf('rita', ['reviewer']))
    await api.stores.users.upsert({
      kind: 'user',
      version: 'v2',
      metadata: { name: 'rita' },
      spec: { roles: [] },
    })
    await expect.poll(async () => (await describeView(view)).status).toBe(404)
    expect(await chunk(view, 0)).toMatchObject({ status: 404 })

    const locked = await opened(await linkOf('rolf', ['reviewer']))
    await api.stores.locks.create({
      kind: 'lock',
      version: 'v2',
      metadata: { name: 'out' },
      spec: { target: { user: 'rolf' } },
    })
    await expect
      .poll(async () => (await describeView(locked)).body)
      .toMatchObject({
        error: { code: 'LOCKED' },
      })

    const gone = await opened(await linkOf('rosa', ['reviewer']))
    await api.stores.users.delete('rosa')
    await expect
      .poll(async () => (await describeView(gone)).body)
      .toMatchObject({
        error: { code: 'ACCESS_DENIED' },
      })
  })

  it('is made for recordings that one may see, by people alone', async () => {
    await expect(linkOf('eve', ['access'])).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(linkOf('rita', ['reviewer'], randomUUID())).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    using admin = new ApiClient(await api.admin())
    await expect(admin.call('recordings.link', { params: { id } })).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
    })
    // One's own.
    const facts = freshFacts({ user: 'owen', startedMs: clock.now() + 60_000 })
    const { sessionId } = await keepRecording(api.recordings, session(facts, FRAMES))
    expect(await linkOf('owen', ['access'], sessionId)).toMatchObject({
      path: expect.stringContaining(sessionId) as string,
    })
  })

  it('of somebody whose address is pinned opens there alone', async () => {
    using client = new ApiClient(await api.as('rita', ['reviewer'], '127.0.0.1'))
    const { token } = await client.call('recordings.link', { params: { id } })
    expect(await open(token)).toMatchObject(refused('ADDRESS_PINNED') as object)
  })

  it('gives nothing of one that is encrypted, which it could not show', async () => {
    const facts = freshFacts({ startedMs: clock.now() })
    const recipients = [await identityToRecipient(await generateIdentity())]
    const { sessionId } = await keepRecording(api.recordings, session(facts, FRAMES), {
      recipients,
    })
    const link = await linkOf('rita', ['reviewer'], sessionId)
    const { body } = await open(link.token, sessionId)
    const { view } = body as { view: string }
    expect(await describeView(view, sessionId)).toMatchObject({
      body: { recording: { encrypted: true } },
    })
    expect(await chunk(view, 0, sessionId)).toMatchObject({
      status: 409,
      ...(refused('RECORDING_ENCRYPTED') as object),
    })
  })

  it('is told in the audit log, with the viewing, and without its secret', async () => {
    const link = await linkOf('rita', ['reviewer'])
    const view = await opened(link)
    await chunk(view, 0)
    await chunk(view, 1)
    await open(link.token)
    expect(events('recording_link.create')).toMatchObject([
      { user: 'rita', sid: id, outcome: 'started', code: 'TRL00I' },
      { user: 'rita', sid: id, outcome: 'done' },
    ])
    expect(events('recording_link.use')).toMatchObject([
      { user: 'rita', sid: id, 'addr.remote': BROWSER, code: 'TRL01I' },
    ])
    expect(events('session.recording.access')).toMatchObject([
      { user: 'rita', sid: id, session_user: 'alice', method: 'web', 'addr.remote': BROWSER },
    ])
    expect(events('auth')).toMatchObject([{ user: '', error_code: 'RECORDING_LINK_USED' }])
    const { items } = await api.backend.list('recording_links')
    const { items: views } = await api.backend.list('recording_views')
    expect([items.length, views.length]).toEqual([1, 1])
    const everything = JSON.stringify([api.events, items, views])
    expect(everything).not.toContain(link.token)
    expect(everything).not.toContain(view)
  })

  it('cannot be tried out', async () => {
    const statuses: number[] = []
    for (let tries = 0; tries < 30; tries += 1) {
      statuses.push((await open(randomUUID().replaceAll('-', ''))).status)
    }
    expect(statuses[0]).toBe(404)
    expect(statuses.at(-1)).toBe(429)
  })

  it('opens nothing when the audit log cannot be written', async () => {
    const link = await linkOf('rita', ['reviewer'])
    api.spoolFails = true
    expect(await open(link.token)).toMatchObject(refused('AUDIT_UNAVAILABLE') as object)
  })

  it.each([
    ['nothing', undefined],
    ['a token in another form', { id: randomUUID(), token: 'x' }],
    ['more than is asked for', { id: randomUUID(), token: 'a'.repeat(32), admin: true }],
  ])('with %s is refused before it is looked at', async (_name, body) => {
    expect(await api.strangers.call('recording_views.open', body, BROWSER)).toMatchObject(
      refused('BAD_REQUEST') as object,
    )
  })
})
