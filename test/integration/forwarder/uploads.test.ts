import { afterEach, describe, expect, test } from 'vitest'
import { type Call, type Client, versions } from './support/clients.ts'
import { PATIENTLY, PODS, ROLE, Stage, type StageOptions } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})
const open = async (options: StageOptions = {}): Promise<Stage> =>
  stack.use(await Stage.open(options))

const KIB = 1024
const MIB = 1024 * KIB
const PROXY = `${PODS}/web/proxy/upload`
/** The same for all, so that what clients would send costs this process nothing. */
const PIECE = Buffer.alloc(MIB, 'x')

/** Of buffers that this process holds, when it has stopped to change. */
async function heldBytes(): Promise<number> {
  let before = -1
  let still = 0
  while (still < 5) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    const { arrayBuffers } = process.memoryUsage()
    still = arrayBuffers === before ? still + 1 : 0
    before = arrayBuffers
  }
  return before
}

/** Uploads that the API server does not read, each of a megabyte. */
function stalled(client: Client, count: number): Call[] {
  return Array.from({ length: count }, () => {
    const call = client.call({ method: 'POST', path: PROXY, body: 'open' })
    call.write(PIECE)
    return call
  })
}

describe('uploads of one person that nobody reads', () => {
  test.each([1, 8])('hold no more memory when they are 200 on %i connections', async (count) => {
    const stage = await open({ limits: { maxUnreadBytesPerUser: 8 * MIB } })
    stage.api.answer = () => {}
    const clients: Client[] = []
    while (clients.length < count) clients.push(await stage.client('HTTP/2'))
    const before = await heldBytes()
    const statuses = clients.flatMap((client) => stalled(client, 200)).map(({ head }) => head)
    const refused = Promise.all(statuses.slice(32))
    expect(new Set(await refused)).toEqual(new Set([429]))
    expect(stage.forwarder.stats().exchanges).toBe(32)
    // Eight, as much again on its way up, and what was read and not yet collected.
    expect((await heldBytes()) - before).toBeLessThan(40 * MIB)
  })

  test.each(versions)('leave another person’s alone, over %s', async (version) => {
    const stage = await open({ limits: { maxUnreadBytesPerUser: MIB } })
    stage.access.change({ allow: { ...ROLE.allow, kubernetes_users: ['alice', 'bob'] } })
    stage.api.answer = (request, response) => {
      if (request.url === PROXY) return
      request.resume()
      request.on('end', () => response.end('ok'))
    }
    const alice = await stage.client(version)
    const calls = stalled(alice, 4)
    await expect.poll(() => stage.forwarder.stats().exchanges, PATIENTLY).toBe(4)
    const refused = await alice.ask({ method: 'POST', path: PODS, body: '{}' })
    expect(refused.status).toBe(429)
    expect(refused.headers['retry-after']).toBe('1')
    const bob = await stage.client(version, await stage.authorities.users.certify('bob'))
    expect(await bob.ask({ method: 'POST', path: PODS, body: PIECE })).toMatchObject({ text: 'ok' })
    // What has no body is no upload.
    expect(await alice.ask({ path: `${PODS}/a` })).toMatchObject({ text: 'ok' })
    calls[0]?.abort()
    const asked = async (): Promise<number> =>
      (await alice.ask({ method: 'POST', path: PODS, body: '{}' })).status
    await expect.poll(asked, PATIENTLY).toBe(200)
    for (const call of calls) call.abort()
  })

  test('count for their length when it is less than a window', async () => {
    const stage = await open({ limits: { maxUnreadBytesPerUser: 100 * KIB } })
    stage.api.answer = () => {}
    const client = await stage.client('HTTP/2')
    const upload = (length: number): Call =>
      client.call({
        method: 'POST',
        path: PODS,
        headers: ['content-length', String(length)],
        body: 'open',
      })
    const calls = [upload(60 * KIB), upload(40 * KIB)]
    await expect.poll(() => stage.forwarder.stats().exchanges, PATIENTLY).toBe(2)
    expect(await upload(1).head).toBe(429)
    for (const call of calls) call.abort()
  })
})
