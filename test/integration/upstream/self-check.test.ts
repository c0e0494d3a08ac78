import { beforeAll, describe, expect, test } from 'vitest'
import type { OpenUpstream } from '../../../src/upstream/index.ts'
import { open, targetAt } from './support/client.ts'
import { createPki, type KeyedCertificate, type Pki } from './support/pki.ts'
import { startHttps, type TestServer } from './support/servers.ts'

let pki: Pki
let identity: KeyedCertificate

beforeAll(async () => {
  pki = await createPki()
  identity = await pki.server()
})

/** An API server that reviews by this rule. Real ones are asked in the end-to-end suite. */
function startReviewer(
  allowed: (right: string) => boolean | number,
  asked: string[] = [],
  gitVersion: unknown = 'v1.35.4',
): Promise<TestServer> {
  return startHttps(identity, async (request, response) => {
    if (request.url === '/version') {
      response.end(JSON.stringify({ gitVersion }))
      return
    }
    const body = JSON.parse(Buffer.concat(await request.toArray()).toString())
    const { verb, group = '', resource, subresource, namespace } = body.spec.resourceAttributes
    const what = subresource === undefined ? resource : `${resource}/${subresource}`
    const where = namespace === undefined ? '' : ` in ${namespace}`
    const right = `${verb} ${what}${group === '' ? '' : `.${group}`}${where}`
    asked.push(`${request.method} ${request.url} ${request.headers['content-type']}: ${right}`)
    const verdict = allowed(right)
    if (typeof verdict === 'number') response.writeHead(verdict).end('{}')
    else response.writeHead(201).end(JSON.stringify({ status: { allowed: verdict } }))
  })
}

const openAt = (server: TestServer, selfCheckTimeoutMs: number): OpenUpstream =>
  open(targetAt(server.port, { certificateAuthority: { kind: 'data', pem: pki.ca } }), {
    limits: { selfCheckTimeoutMs },
  })

async function check(server: TestServer, timeoutMs = 30_000): Promise<unknown> {
  await using upstream = openAt(server, timeoutMs)
  return await upstream.selfCheck()
}

async function excess(server: TestServer, timeoutMs = 30_000): Promise<unknown> {
  await using upstream = openAt(server, timeoutMs)
  return await upstream.findExcess()
}

const good = { reachable: true, version: 'v1.35.4', missing: [], tooPowerful: false, problem: null }

describe('selfCheck', () => {
  test('asks for each right of the impersonation ClusterRole', async () => {
    const asked: string[] = []
    await using server = await startReviewer((right) => right !== '* *.*', asked)
    expect(await check(server)).toEqual(good)
    const review = 'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews application/json:'
    expect(asked.toSorted()).toEqual([
      `${review} * *.*`,
      `${review} get pods`,
      `${review} impersonate groups`,
      `${review} impersonate serviceaccounts`,
      `${review} impersonate users`,
    ])
  })

  test.each([
    ['v1.24.17-eks-2f008fe', 'v1.24.17-eks-2f008fe'],
    ['v1.33.1+k3s1', 'v1.33.1+k3s1'],
    [`v${'1'.repeat(64)}`, null],
    ['v1.35.4\u001b[2J', null],
    ['', null],
    [135, null],
  ])('of a server that calls itself %j tells %j', async (gitVersion, version) => {
    await using server = await startReviewer((right) => right !== '* *.*', [], gitVersion)
    expect(await check(server)).toEqual({ ...good, version })
  })

  test('names what is missing', async () => {
    await using server = await startReviewer((right) => right === 'impersonate users')
    expect(await check(server)).toEqual({
      ...good,
      missing: ['impersonate groups', 'impersonate serviceaccounts', 'get pods'],
    })
  })

  test('tells an account that may do everything', async () => {
    await using server = await startReviewer(() => true)
    expect(await check(server)).toEqual({ ...good, tooPowerful: true })
  })

  test.each([
    [403, ['create selfsubjectaccessreviews.authorization.k8s.io'], 'our rights cannot be checked'],
    [401, [], 'the API server does not accept our credentials (401)'],
    [500, [], 'the API server answered a check with 500'],
  ])('says what a %i means', async (status, missing, problem) => {
    await using server = await startReviewer(() => status)
    expect(await check(server)).toEqual({ ...good, missing, problem })
  })

  test('tells a cluster that cannot be reached', async () => {
    await using upstream = open(targetAt(1))
    expect(await upstream.selfCheck()).toEqual({
      reachable: false,
      version: null,
      missing: [],
      tooPowerful: false,
      problem: 'cannot reach the API server of cluster west: connect ECONNREFUSED 127.0.0.1:1',
    })
  })

  test('does not wait for ever', async () => {
    await using server = await startHttps(identity, () => {})
    expect(await check(server, 300)).toMatchObject({
      reachable: false,
      problem: 'the API server did not answer GET /version in 0.3 s',
    })
  })
})

describe('findExcess', () => {
  test('asks for rights in every namespace with which an account is as good as an administrator', async () => {
    const asked: string[] = []
    await using server = await startReviewer(() => false, asked)
    expect(await excess(server)).toEqual([])
    expect(asked.map((line) => line.split(': ')[1])).toEqual([
      'get secrets',
      'list secrets',
      'create pods',
      'create pods/exec',
      'create deployments.apps',
      'create serviceaccounts/token',
      'get nodes/proxy',
      'create clusterrolebindings.rbac.authorization.k8s.io',
    ])
  })

  test('names what the account has', async () => {
    await using server = await startReviewer((right) => /secrets$|exec$/.test(right))
    expect(await excess(server)).toEqual(['get secrets', 'list secrets', 'create pods/exec'])
  })

  test.each([401, 403, 500])('knows nothing where the answer is %i', async (status) => {
    await using server = await startReviewer((right) => (right === 'get secrets' ? true : status))
    expect(await excess(server)).toBe(null)
  })

  test('knows nothing where nobody answers', async () => {
    await using server = await startHttps(identity, () => {})
    expect(await excess(server, 300)).toBe(null)
  })
})
