import { expect, it } from 'vitest'
import { type ApiServerEvent, type Cluster, contextOf } from './support/environment.ts'
import { expectStatus, hostile, type Stage } from './support/hostile.ts'
import { type Field, headersFrame, talk, talkHttp2 } from './support/wire.ts'

/** TEAM is a namespace that the person may view. MARK is in the User-Agent of each request and may be in its path. */
const AMBIGUOUS = [
  '/api/v1/namespaces/TEAM%2Fconfigmaps/MARK',
  '/api/v1/namespaces/TEAM%2fconfigmaps%2fMARK',
  '/api/v1/namespaces/TEAM/configmaps/MARK%2F',
  '/api%2Fv1/namespaces/TEAM/configmaps/MARK',
  '/api/v1/namespaces/TEAM/configmaps/x%252Fsecrets',
  '/api/v1/namespaces/TEAM/configmaps/x%25',
  '/./api/v1/namespaces/TEAM/configmaps/MARK',
  '/api/v1/namespaces/TEAM/configmaps/./MARK',
  '/api/v1/namespaces/TEAM/configmaps/.',
  '/api/v1/namespaces/TEAM/configmaps/..',
  '/api/v1/namespaces/TEAM/configmaps/../secrets/MARK',
  '/api/v1/namespaces/TEAM/configmaps/../../kube-system/secrets/MARK',
  '/api/v1/namespaces/TEAM/configmaps/%2e%2e/secrets/MARK',
  '/api/v1/namespaces/TEAM/configmaps/%2E%2E/secrets/MARK',
  '/api/v1/namespaces/TEAM/configmaps/.%2e/secrets/MARK',
  '/api/v1/namespaces/TEAM/configmaps/%2e./secrets/MARK',
  '/api/v1/namespaces/TEAM/configmaps/%2e/MARK',
  '/../api/v1/namespaces/TEAM/configmaps/MARK',
  '/version/../api/v1/namespaces/TEAM/configmaps/MARK',
  '//api/v1/namespaces/TEAM/configmaps/MARK',
  '/api//v1/namespaces/TEAM/configmaps/MARK',
  '/api/v1/namespaces//configmaps/MARK',
  '/api/v1/namespaces/TEAM/configmaps//MARK',
  '/api/v1/namespaces/TEAM/configmaps/MARK//',
  '//elsewhere.example.com/api/v1/namespaces/TEAM/configmaps/MARK',
  '/api\\v1/namespaces/TEAM/configmaps/MARK',
  '/api/v1/namespaces/TEAM/configmaps\\MARK',
  '/api/v1/namespaces/TEAM/configmaps/..\\secrets\\MARK',
  '/api/v1/namespaces/TEAM/configmaps/%5cMARK',
  '/api/v1/namespaces/TEAM/configmaps/..%5csecrets',
  '/api/v1/namespaces/TEAM/configmaps/MARK%00',
  '/api/v1/namespaces/TEAM/configmaps%00/MARK',
  '/api/v1/namespaces/TEAM/configmaps/MARK%0d%0aImpersonate-User:%20system:admin',
  '/api/v1/namespaces/TEAM/configmaps/MARK%0a',
  '/api/v1/namespaces/TEAM/configmaps/MARK%7f',
  '/api/v1/namespaces/TEAM/configmaps/MARK%zz',
  '/api/v1/namespaces/TEAM/configmaps/MARK%',
  '/api/v1/namespaces/TEAM/configmaps/MARK%2',
  '/api/v1/namespaces/TEAM/configmaps/..%c0%afsecrets',
  '/api/v1/namespaces/TEAM/configmaps/%ff',
  '/api/v1/namespaces/TEAM/configmaps/MARK#/../../secrets',
  '/api/v1/namespaces/TEAM/configmaps#/MARK',
  '/api/v1/namespaces/TEAM/configmaps?fieldSelector=metadata.name=MARK#',
  '/api/v1/namespaces/TEAM/configmaps?watch=true&watch=false',
  '/api/v1/namespaces/TEAM/configmaps?watch=0&watch=1',
  '/api/v1/namespaces/TEAM/configmaps?limit=1;watch=true',
  '/api/v1/namespaces/TEAM/configmaps?watch=%zz',
  '/api/v1/namespaces/TEAM/pods/MARK/proxy/../../secrets',
  '/api/v1/namespaces/TEAM/pods/MARK/proxy/%2e%2e/%2e%2e/secrets',
  '/api/v1/namespaces/TEAM/pods/MARK/proxy/..%2f..%2fsecrets',
  '/api/v1/namespaces/TEAM/pods/MARK/proxy/%252e%252e/secrets',
  '/api/v1/namespaces/TEAM/services/MARK/proxy/..;/secrets',
  '/api/v1/nodes/MARK/proxy/../../secrets',
  `/api/v1/namespaces/TEAM/configmaps/MARK${'x'.repeat(20_000)}`,
  // Kubernetes' first years, and what they never named.
  '/api/v1/watch',
  '/api/v1/proxy',
]

/** Not a path at all. */
const NO_PATH = [
  '*',
  'kubernetes:443',
  'https://kubernetes/api/v1/namespaces/TEAM/configmaps/MARK',
  'http://elsewhere.example.com/api/v1/namespaces/TEAM/configmaps/MARK',
  'api/v1/namespaces/TEAM/configmaps/MARK',
  '?/api/v1/namespaces/TEAM/configmaps/MARK',
]

/** Odd, but one thing to every reader. */
const PLAIN = [
  '/api/v1/namespaces/TEAM/configmaps/MARK',
  '/api/v1/namespaces/TEAM/configmaps/MARK/',
  '/api/v1/namespaces/TEAM/configmaps/',
  '/API/V1/namespaces/TEAM/configmaps/MARK',
  '/Api/v1/namespaces/TEAM/configmaps/MARK',
  '/api/V1/namespaces/TEAM/configmaps/MARK',
  '/apis/APPS/v1/namespaces/TEAM/deployments/MARK',
  '/apis/apps/v1/namespaces/TEAM/Deployments/MARK',
  '/api/v1/Namespaces/TEAM/configmaps/MARK',
  '/api/v1/namespaces/TEAM/configMaps/MARK',
  '/api/v1/namespaces/TEAM/secrets/MARK',
  '/api/v1/namespaces/kube-system/secrets/MARK',
  '/%61pi/v1/namespaces/TEAM/configmaps/MARK',
  '/api/v1/namespaces/TEAM/%73ecrets/MARK',
  '/api/v1/%6eamespaces/TEAM/configmaps/MARK',
  '/api/v1/namespaces/TEAM/configmaps/MARK;watch=true',
  '/api/v1/namespaces/TEAM;a=b/configmaps/MARK',
  '/api/v1/namespaces/TEAM/configmaps/MARK%3Fwatch=true',
  '/api/v1/namespaces/TEAM/configmaps%3Fwatch=true/MARK',
  '/api/v1/namespaces/TEAM/configmaps/MARK%23',
  '/api/v1/namespaces/TEAM/configmaps/MARK%3bx',
  '/api/v1/namespaces/TEAM/configmaps/MARK%20',
  '/api/v1/namespaces/TEAM/configmaps/...',
  '/api/v1/namespaces/TEAM/configmaps/..MARK',
  '/api/v1/namespaces/TEAM/configmaps/a:b@c,d+e~f',
  '/api/v1/namespaces/TEAM/configmaps/MARK%E2%88%95secrets',
  '/api/v1/namespaces/TEAM',
  '/api/v1/namespaces/TEAM/status',
  '/api/v1/namespaces/TEAM/finalize',
  '/api/v1/namespaces',
  '/api/v1/namespaces/',
  '/api/v1/namespaces/namespaces/namespaces/namespaces',
  '/api/v1/secrets',
  '/api/v1/nodes/MARK/status',
  '/api/v1/namespaces/TEAM/pods/MARK/log',
  '/api/v1/namespaces/TEAM/pods/MARK/exec',
  '/api/v1/namespaces/TEAM/pods/MARK/exec/exec',
  '/api/v1/namespaces/TEAM/configmaps/MARK/exec',
  '/api/v1/namespaces/TEAM/configmaps?',
  '/api/v1/namespaces/TEAM/configmaps?limit=1&watch=false',
  '/api/v1/namespaces/TEAM/configmaps?watch=true&timeoutSeconds=1',
  '/api/v1/namespaces/TEAM/configmaps?watch&timeoutSeconds=1',
  '/api/v1/namespaces/TEAM/configmaps?watch=&timeoutSeconds=1',
  '/api/v1/namespaces/TEAM/configmaps?%77atch=1&timeoutSeconds=1',
  '/api/v1/namespaces/TEAM/configmaps?WATCH=true',
  '/api/v1/namespaces/TEAM/configmaps?watch=false&timeoutSeconds=1',
  '/api/v1/namespaces/TEAM/configmaps/MARK?watch=true&timeoutSeconds=1',
  '/api/v1/namespaces/TEAM/configmaps?fieldSelector=metadata.name%3DMARK',
  '/api/v1/namespaces/TEAM/configmaps?fieldSelector=metadata.name%3D%3DMARK&watch=1&timeoutSeconds=1',
  '/api/v1/namespaces/TEAM/configmaps?fieldSelector=metadata.name%3D..%2Fsecrets',
  '/api/v1/namespaces/TEAM/configmaps??watch=true',
  '/api/v1/namespaces/TEAM/configmaps?a=/../secrets//%2F%00',
  `/api/v1/namespaces/TEAM/configmaps/MARK?a=${'x'.repeat(60_000)}`,
  `/api/v1/namespaces/TEAM/configmaps/MARK${'x'.repeat(8_000)}`,
  '/api/v1/watch/namespaces/TEAM/configmaps/MARK?timeoutSeconds=1',
  '/api/v1/watch/namespaces/TEAM/configmaps?timeoutSeconds=1',
  '/api/v1/proxy/namespaces/TEAM/pods/MARK',
  '/apis/nobody.example.com/v1/namespaces/TEAM/things/MARK',
  '/metrics',
  '/healthz/',
  '/logs/MARK',
]

/** Not addressed to any object of Kubernetes, but to a program behind one. */
const PROXIED = [
  '/api/v1/namespaces/TEAM/pods/MARK/proxy',
  '/api/v1/namespaces/TEAM/pods/MARK/proxy/',
  '/api/v1/namespaces/TEAM/pods/MARK/proxy/run/command',
  '/api/v1/namespaces/TEAM/pods/https:MARK:8443/proxy/a//b%2Fc',
  '/api/v1/namespaces/TEAM/services/MARK/proxy',
  '/api/v1/namespaces/TEAM/services/https:MARK:web/proxy/api/v1/secrets',
  '/api/v1/nodes/MARK/proxy',
  '/api/v1/nodes/MARK/proxy/runningpods/',
  '/api/v1/nodes/MARK/proxy/containerLogs/kube-system/pod/container?command=id',
]

hostile('paths of a hostile client', (stage, cluster) => {
  /** What the API server says of each request; our audit log is read once, afterwards. */
  const understood: {
    readonly marker: string
    readonly request: string
    readonly as: Understood
  }[] = []

  for (const [protocol, ask] of [
    ['HTTP/1.1', byHttp1],
    ['HTTP/2', byHttp2],
  ] as const) {
    for (const target of AMBIGUOUS) {
      it(`${protocol}: ${short(target)} is refused`, async () => {
        const marker = stage().marker()
        expectStatus(await ask(stage(), cluster, fill(stage(), target, marker), marker), 400)
        stage().denied(marker, 'BAD_REQUEST')
        await stage().expectUnseen(cluster, marker)
      })
    }

    for (const target of PLAIN) {
      it(`${protocol}: ${short(target)} goes up as it came`, async () => {
        const marker = stage().marker()
        const filled = fill(stage(), target, marker)
        await ask(stage(), cluster, filled, marker)
        await stage().expectOnlyThePerson(cluster, marker)
        const [seen] = await stage().seen(cluster, marker)
        expect(seen?.requestURI).toBe(filled)
        understood.push({ marker, request: `${protocol} ${short(filled)}`, as: theirs(seen) })
      })
    }
  }

  for (const target of NO_PATH) {
    it(`HTTP/1.1: ${target} is refused`, async () => {
      const marker = stage().marker()
      expectStatus(await byHttp1(stage(), cluster, fill(stage(), target, marker), marker), 400)
      await stage().expectUnseen(cluster, marker)
    })

    it(`HTTP/2: ${target} breaks the stream`, async () => {
      const marker = stage().marker()
      const fields = fieldsOf(fill(stage(), target, marker), marker)
      const { reset } = await talkHttp2(stage().door(cluster), stage().credentials, [
        headersFrame(fields),
      ])
      expect(reset).not.toBeNull()
      await stage().expectUnseen(cluster, marker)
    })
  }

  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
    it.each(PROXIED)(
      `${method} %s is a proxied request, which Kubernetes refuses`,
      async (target) => {
        const marker = stage().marker()
        const filled = fill(stage(), target, marker)
        const { answers } = await talk(
          stage().door(cluster),
          stage().credentials,
          stage().get(filled, `User-Agent: ${marker}`, 'Connection: close').replace('GET', method),
        )
        expect(answers[0]?.status).toBe(403)
        await stage().expectOnlyThePerson(cluster, marker)
        const [seen] = await stage().seen(cluster, marker)
        expect(seen?.requestURI).toBe(filled)
        expect(seen?.objectRef?.subresource).toBe('proxy')
        const as = { ...theirs(seen), verb: 'proxy' }
        understood.push({ marker, request: `${method} ${filled}`, as })
      },
    )
  }

  it.each([
    ['GET', '/api/v1/nodes/MARK/proxy/exec/kube-system/pod/container?command=id'],
    ['POST', '/api/v1/nodes/MARK/proxy/run/kube-system/pod/container?cmd=id'],
    ['PUT', '/api/v1/nodes/https:MARK:10250/proxy//EXEC/kube-system/pod/container'],
    ['OPTIONS', '/api/v1/nodes/MARK/proxy/%2565xec/kube-system/pod/container'],
  ])('%s %s would be no session, and goes nowhere', async (method, target) => {
    const marker = stage().marker()
    const filled = fill(stage(), target, marker)
    const text = stage().get(filled, `User-Agent: ${marker}`).replace('GET', method)
    expectStatus((await stage().ask(cluster, text)).body, 403)
    await stage().expectUnseen(cluster, marker)
    stage().denied(marker, 'NODE_COMMAND')
  })

  it.each(['TRACE', 'PROPFIND', 'CONNECT'])('the method %s goes nowhere', async (method) => {
    const marker = stage().marker()
    const target = method === 'CONNECT' ? `${marker}:443` : stage().path(marker)
    const text = stage().get(target, `User-Agent: ${marker}`).replace('GET', method)
    expect((await stage().ask(cluster, text)).status).toBe(405)
    stage().denied(marker, 'BAD_REQUEST')
    await stage().expectUnseen(cluster, marker)
  })

  it('each request was to us what it was to the API server', async () => {
    expect(understood.length).toBeGreaterThan(PLAIN.length)
    const differing = async (): Promise<object[]> => {
      const events = await stage().daemon.events('--event=kube.request', `--user=${stage().user}`)
      const ofAgent = new Map(events.map((event) => [event['user_agent'], event]))
      return understood
        .map(({ marker, request, as }) => ({ request, as, we: ours(ofAgent.get(marker), cluster) }))
        .filter(({ as, we }) => JSON.stringify(as) !== JSON.stringify(we))
    }
    await expect.poll(differing, { timeout: 30_000, interval: 500 }).toEqual([])
  })
})

function fill(stage: Stage, target: string, marker: string): string {
  return target.replaceAll('TEAM', stage.team).replaceAll('MARK', marker)
}

const short = (target: string): string =>
  target.length > 120 ? `${target.slice(0, 60)}… (${target.length} characters)` : target

async function byHttp1(
  stage: Stage,
  cluster: Cluster,
  target: string,
  marker: string,
): Promise<string> {
  return (await stage.ask(cluster, stage.get(target, `User-Agent: ${marker}`))).body
}

async function byHttp2(
  stage: Stage,
  cluster: Cluster,
  target: string,
  marker: string,
): Promise<string> {
  const frames = [headersFrame(fieldsOf(target, marker))]
  const talked = await talkHttp2(stage.door(cluster), stage.credentials, frames)
  expect(talked).toMatchObject({ ended: true, reset: null, goaway: null })
  return talked.body
}

const fieldsOf = (target: string, marker: string): Field[] => [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'kubernetes'],
  [':path', target],
  ['user-agent', marker],
]

interface Understood {
  readonly verb: string
  readonly resource: string
  readonly group: string
  readonly namespace: string
  readonly name: string
  readonly subresource: string
}

/** What we decided about and wrote into our audit log. */
function ours(event: Record<string, unknown> | undefined, cluster: Cluster): Understood | null {
  if (event?.['kubernetes_cluster'] !== contextOf(cluster)) return null
  return {
    verb: String(event['kube_verb']),
    resource: String(event['resource_kind']),
    group: String(event['resource_api_group']),
    namespace: String(event['resource_namespace']),
    name: String(event['resource_name']),
    subresource: String(event['resource_subresource']),
  }
}

/** To Kubernetes a GET, to us what it does. */
const STREAMS = ['exec', 'attach', 'portforward']

/** No object has a name this long: our audit log keeps the beginning, so that nobody fills it with one request. */
const AUDITED_NAME_CHARS = 512
const audited = (name: string): string =>
  name.length <= AUDITED_NAME_CHARS ? name : `${name.slice(0, AUDITED_NAME_CHARS)}…`

/** What the API server says that it was. */
function theirs(event: ApiServerEvent | undefined): Understood {
  const object = event?.objectRef
  const { resource = '', apiGroup = 'core', apiVersion = '', subresource = '' } = object ?? {}
  return {
    verb: resource === 'pods' && STREAMS.includes(subresource) ? subresource : (event?.verb ?? ''),
    resource,
    group: object === undefined ? '' : `${apiGroup}/${apiVersion}`,
    namespace: object?.namespace ?? '',
    name: audited(object?.name ?? ''),
    // The prefix of Kubernetes' first years is a verb there, and the subresource of today to us.
    subresource: event?.verb === 'proxy' ? 'proxy' : subresource,
  }
}
