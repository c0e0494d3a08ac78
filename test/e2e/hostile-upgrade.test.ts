import { expect, it } from 'vitest'
import { expectStatus, hostile } from './support/hostile.ts'
import { open, talk } from './support/wire.ts'

const STREAMS = ['exec', 'attach', 'portforward'] as const
const WEBSOCKET = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: v4.channel.k8s.io',
]
const SPDY = [
  'Connection: Upgrade',
  'Upgrade: SPDY/3.1',
  'X-Stream-Protocol-Version: v4.channel.k8s.io',
  'X-Stream-Protocol-Version: portforward.k8s.io',
]

hostile('upgrades of a hostile client', (stage, cluster) => {
  const target = (marker: string, stream: string): string =>
    `/api/v1/namespaces/${stage().team}/pods/${marker}/${stream}?command=id&stdout=1&ports=80`

  for (const stream of STREAMS) {
    for (const [method, name, lines] of [
      ['GET', 'WebSocket', WEBSOCKET],
      ['GET', 'SPDY', SPDY],
      ['POST', 'SPDY', SPDY],
    ] as const) {
      it(`who may only look gets no ${stream} by ${method} and ${name}, and no connection`, async () => {
        const [marker, behind] = [stage().marker(), stage().marker()]
        const { answers, closed } = await talk(
          stage().door(cluster),
          stage().credentials,
          stage()
            .get(target(marker, stream), ...lines)
            .replace('GET', method) + stage().get(stage().path(behind)),
        )
        expect(closed).toBe(true)
        expect(answers.map(({ status }) => status)).toEqual([403])
        expectStatus(answers[0]?.body ?? '', 403)
        // Asked for a WebSocket first, then for SPDY: a server that knows no WebSocket here says the same.
        if (stream === 'portforward') await stage().expectOnlyThePerson(cluster, marker, 2)
        else await stage().expectThePersonAndPod(cluster, marker, 2)
        await stage().expectUnseen(cluster, behind)
        await expect
          .poll(() => stage().audited(marker), { timeout: 30_000, interval: 500 })
          .toMatchObject([{ user: stage().user, kube_verb: stream, response_code: 403 }])
      })
    }
  }

  // What is behind a proxy can do anything, and a connection that is switched is judged no more (CVE-2018-1002105).
  it.each([
    ['a pod', 'namespaces/TEAM/pods/MARK/proxy/exec', WEBSOCKET],
    ['a pod', 'namespaces/TEAM/pods/MARK/proxy', SPDY],
    ['a service', 'namespaces/TEAM/services/MARK/proxy/run', WEBSOCKET],
    ['a service', 'namespaces/TEAM/services/https:MARK:443/proxy/run', SPDY],
    ['a node', 'nodes/MARK/proxy/logs', WEBSOCKET],
    ['a node', 'nodes/https:MARK:10250/proxy/debug', SPDY],
  ])(
    'who may only look gets nothing through the proxy to %s (%s), and no connection',
    async (_what, path, lines) => {
      const [marker, behind] = [stage().marker(), stage().marker()]
      const resource = path.replace('TEAM', stage().team).replace('MARK', marker)
      const { answers, closed } = await talk(
        stage().door(cluster),
        stage().credentials,
        stage().get(`/api/v1/${resource}?command=id`, ...lines) + stage().get(stage().path(behind)),
      )
      expect(closed).toBe(true)
      expect(answers.map(({ status }) => status)).toEqual([403])
      expectStatus(answers[0]?.body ?? '', 403)
      await stage().expectOnlyThePerson(cluster, marker)
      await stage().expectUnseen(cluster, behind)
      await expect
        .poll(() => stage().audited(marker), { timeout: 30_000, interval: 500 })
        .toMatchObject([{ user: stage().user, kube_verb: 'proxy', response_code: 403 }])
    },
  )

  it.each([
    ['nodes/MARK/proxy/exec/ns/pod/container', WEBSOCKET],
    ['nodes/MARK/proxy/run/ns/pod/container', SPDY],
    ['nodes/https:MARK:10250/proxy/portForward/ns/pod', SPDY],
  ])('a kubelet itself is asked for no command (%s)', async (path, lines) => {
    const marker = stage().marker()
    const { answers, closed } = await talk(
      stage().door(cluster),
      stage().credentials,
      stage().get(`/api/v1/${path.replace('MARK', marker)}?command=id`, ...lines),
    )
    expect(closed).toBe(true)
    expect(answers.map(({ status }) => status)).toEqual([403])
    await stage().expectUnseen(cluster, marker)
    stage().denied(marker, 'NODE_COMMAND')
  })

  it('what follows the answer to a refused upgrade goes nowhere', async () => {
    const [marker, behind] = [stage().marker(), stage().marker()]
    const socket = open(stage().door(cluster), stage().credentials, {
      ALPNProtocols: ['http/1.1'],
    })
    socket.on('error', () => {})
    let received = ''
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      socket.write(stage().get(stage().path(behind)))
    })
    socket.write(stage().get(target(marker, 'exec'), ...WEBSOCKET))
    await closed
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 403'])
    await stage().expectThePersonAndPod(cluster, marker, 2)
    await stage().expectUnseen(cluster, behind)
  })

  it.each([
    ['a list', 'configmaps', WEBSOCKET],
    ['a log', 'pods/MARK/log', WEBSOCKET],
    ['a pod', 'pods/MARK', SPDY],
    [
      'HTTP/2',
      'pods/MARK',
      ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'],
    ],
    ['two protocols', 'pods/MARK/exec', ['Connection: Upgrade', 'Upgrade: websocket, SPDY/3.1']],
    [
      'two protocols in two lines',
      'pods/MARK/exec',
      ['Connection: Upgrade', 'Upgrade: websocket', 'Upgrade: SPDY/3.1'],
    ],
  ])('an upgrade to %s is refused', async (_what, resource, lines) => {
    const [marker, behind] = [stage().marker(), stage().marker()]
    const path = `/api/v1/namespaces/${stage().team}/${resource.replace('MARK', marker)}`
    const { answers, closed } = await talk(
      stage().door(cluster),
      stage().credentials,
      stage().get(path, `User-Agent: ${marker}`, ...lines) + stage().get(stage().path(behind)),
    )
    expect(closed).toBe(true)
    expect(answers.map(({ status }) => status)).toEqual([400])
    stage().denied(marker, 'BAD_REQUEST')
    await stage().expectUnseen(cluster, marker, behind)
  })
})
