import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { NEIGHBOUR, PATIENTLY, PODS, SERVER_NAME, Stage } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

/** A request on a connection to one cluster, whatever its Host says. */
async function ask(stage: Stage, servername: string, host: string, path: string): Promise<string> {
  const { alice, kube } = stage.authorities
  const socket = connectTls({
    port: stage.port,
    host: '127.0.0.1',
    servername,
    ca: kube.ca,
    checkServerIdentity: () => undefined,
    ...alice,
  })
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  await once(socket, 'close')
  return text
}

/** CVE-2026-44945: a decision about one cluster was used for another. */
describe('a person of one cluster of two behind one door', () => {
  test.each([
    ['by its own name', NEIGHBOUR],
    ['by the name of his own in the request', SERVER_NAME],
  ])('is refused in the other, %s, before and after he was let in', async (_name, host) => {
    const stage = stack.use(await Stage.open({ neighbour: { env: 'prod' } }))
    expect(await ask(stage, NEIGHBOUR, host, `${PODS}/before`)).toMatch(/^HTTP\/1\.1 403 /)
    expect(await ask(stage, SERVER_NAME, host, `${PODS}/own`)).toMatch(/^HTTP\/1\.1 200 /)
    expect(await ask(stage, NEIGHBOUR, host, `${PODS}/after`)).toMatch(/^HTTP\/1\.1 403 /)
    expect(stage.api.arrived.map(({ target }) => target)).toEqual([`${PODS}/own`])
    const decided = (name: string): unknown[] =>
      stage.audit
        .of(`${PODS}/${name}`)
        .map((event) => [event.kubernetes_cluster, event.error_code ?? null])
    await expect.poll(() => decided('own'), PATIENTLY).toEqual([['west', null]])
    for (const name of ['before', 'after']) {
      expect(decided(name)).toEqual([['east', 'CLUSTER_DENIED']])
    }
  })

  test('is let in there as soon as a role of his reaches it', async () => {
    const stage = stack.use(await Stage.open({ neighbour: { env: 'test' } }))
    expect(await ask(stage, NEIGHBOUR, NEIGHBOUR, `${PODS}/own`)).toMatch(/^HTTP\/1\.1 200 /)
  })
})
