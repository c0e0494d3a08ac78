import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { deleteKubeState } from '../../../src/daemon/kube-state.ts'
import { createPki } from '../upstream/support/pki.ts'
import { startHttps, type TestServer } from '../upstream/support/servers.ts'

const SECRETS = '/api/v1/namespaces/teleport/secrets'

describe('teleport kube-state delete', () => {
  const stack = new AsyncDisposableStack()
  let account: string
  let server: TestServer
  let secrets: Set<string>
  let asked: string[]
  let refuses: boolean

  beforeAll(async () => {
    account = await mkdtemp(join(tmpdir(), 'account-'))
    stack.defer(() => rm(account, { recursive: true, force: true }))
    const pki = await createPki()
    await writeFile(join(account, 'token'), 'the-token\n')
    await writeFile(join(account, 'ca.crt'), pki.ca)
    server = stack.use(await startHttps(await pki.server(), answer))
  })
  afterAll(() => stack[Symbol.asyncDispose]())
  beforeEach(() => {
    secrets = new Set(['agent-0-state', 'agent-11-state', 'other-0-state', 'agent-join-token'])
    asked = []
    refuses = false
  })

  function answer(request: IncomingMessage, response: ServerResponse): void {
    asked.push(`${request.method} ${request.headers.authorization}`)
    const name = (request.url ?? '').replace(`${SECRETS}/`, '')
    const status = refuses ? 403 : secrets.delete(name) ? 200 : 404
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  }

  const env = (): Record<string, string> => ({
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: String(server.port),
    KUBE_NAMESPACE: 'teleport',
    RELEASE_NAME: 'agent',
  })

  it('deletes what the replicas of its release kept, wherever they ended, and nothing else', async () => {
    expect(await deleteKubeState(env(), account)).toEqual(['agent-0-state', 'agent-11-state'])
    expect([...secrets]).toEqual(['other-0-state', 'agent-join-token'])
    expect(new Set(asked)).toEqual(new Set(['DELETE Bearer the-token']))
    expect(asked).toHaveLength(16)
  })

  it('is content when there is nothing', async () => {
    secrets.clear()
    expect(await deleteKubeState(env(), account)).toEqual([])
  })

  it('says what was refused, without its token', async () => {
    refuses = true
    await expect(deleteKubeState(env(), account)).rejects.toThrow(
      /^the API server answered 403 when Secret teleport\/agent-0-state was to be deleted$/,
    )
  })

  it('believes no other server', async () => {
    const elsewhere = await createPki()
    const other = await mkdtemp(join(tmpdir(), 'account-'))
    await writeFile(join(other, 'token'), 'the-token')
    await writeFile(join(other, 'ca.crt'), elsewhere.ca)
    await expect(deleteKubeState(env(), other)).rejects.toThrow(/certificate|self-signed/)
    expect(asked).toEqual([])
    await rm(other, { recursive: true })
  })

  it.each(['KUBERNETES_SERVICE_HOST', 'KUBE_NAMESPACE', 'RELEASE_NAME'])(
    'needs %s, and says so',
    async (name) => {
      await expect(deleteKubeState({ ...env(), [name]: undefined }, account)).rejects.toThrow(
        `${name} is not set: the Helm chart runs this in a pod`,
      )
    },
  )
})
