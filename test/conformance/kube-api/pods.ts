import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubeClient } from '../../support/kube-client.ts'
import {
  type ExecOrder,
  type ExecOutcome,
  execOverSpdy,
  execOverWebSocket,
} from '../../support/kube-exec.ts'
import { eventually, isAtLeast, type KubeApiTarget, makeNamespace, pod } from './target.ts'

export function describePods(target: KubeApiTarget, client: () => KubeClient): void {
  describe('pods', () => {
    let ns: string
    let pods: string
    beforeAll(async () => {
      ns = await makeNamespace(client(), 'pods')
      pods = `/api/v1/namespaces/${ns}/pods`
      // Older servers refuse a pod until the ServiceAccount has its token, which another controller makes.
      await eventually(
        () => client().post(pods, pod('runs', target.image)),
        ({ status }) => status === 201,
      )
      await eventually(
        () => client().get(`${pods}/runs`),
        ({ body }) => body.status.phase === 'Running',
      )
    })
    afterAll(async () => {
      await client().delete(`/api/v1/namespaces/${ns}`)
    })

    it('run on a node, with an address, and say since when', async () => {
      const { body } = await client().get(`${pods}/runs`)
      expect(body.spec.nodeName).not.toBe('')
      expect(body.status.podIP).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
      expect(body.status.qosClass).toBe('BestEffort')
      expect(body.status.containerStatuses).toMatchObject([
        { name: 'main', ready: true, restartCount: 0, state: { running: {} } },
      ])
      const conditions = Object.fromEntries(
        body.status.conditions.map(({ type, status }: { type: string; status: string }) => [
          type,
          status,
        ]),
      )
      expect(conditions).toMatchObject({
        PodScheduled: 'True',
        Initialized: 'True',
        ContainersReady: 'True',
        Ready: 'True',
      })
    })

    it('are selected by phase and node', async () => {
      const count = async (selector: string): Promise<number> =>
        Number(
          (await client().get(`${pods}?fieldSelector=${encodeURIComponent(selector)}`)).body.items
            .length,
        )
      expect(await count('status.phase=Running')).toBe(1)
      expect(await count('status.phase!=Running')).toBe(0)
      expect(await count('spec.nodeName=nowhere')).toBe(0)
    })

    it('leave events, in both of their groups', async () => {
      const selector = encodeURIComponent('involvedObject.kind=Pod,involvedObject.name=runs')
      const { body } = await eventually(
        () => client().get(`/api/v1/namespaces/${ns}/events?fieldSelector=${selector}`),
        (answer) =>
          (answer.body.items as { reason: string }[]).some(({ reason }) => reason === 'Started'),
      )
      const reasons = body.items.map(({ reason }: { reason: string }) => reason)
      expect(reasons).toEqual(expect.arrayContaining(['Scheduled', 'Pulled', 'Created', 'Started']))
      const other = await client().get(`/apis/events.k8s.io/v1/namespaces/${ns}/events`)
      const started = other.body.items.find(
        (item: { reason: string; regarding: { name: string } }) =>
          item.reason === 'Started' && item.regarding.name === 'runs',
      )
      expect(started.regarding).toMatchObject({ kind: 'Pod', name: 'runs', namespace: ns })
      expect(started.regarding.fieldPath).toBe('spec.containers{main}')
    })

    it('have logs of a container that is there', async () => {
      const { status, headers } = await client().get(`${pods}/runs/log?tailLines=1`)
      expect([status, headers['content-type']]).toEqual([200, 'text/plain'])
      const other = await client().get(`${pods}/runs/log?container=nosuch`)
      expect([other.status, other.body.message]).toEqual([
        400,
        'container nosuch is not valid for pod runs',
      ])
      expect((await client().get(`${pods}/nosuch/log`)).status).toBe(404)
    })

    type Way = readonly [string, (order: ExecOrder) => Promise<ExecOutcome>, boolean]
    const ways: Way[] = [
      ['SPDY', (order) => execOverSpdy(client(), order), true],
      ['WebSocket v4', (order) => execOverWebSocket(client(), 'v4.channel.k8s.io', order), false],
      ...(isAtLeast(target, 30)
        ? [
            [
              'WebSocket v5',
              (order: ExecOrder) => execOverWebSocket(client(), 'v5.channel.k8s.io', order),
              true,
            ] as const,
          ]
        : []),
    ]
    describe.each(ways)('exec over %s', (_way, exec, endsInput) => {
      const run = (command: readonly string[], stdin?: string): Promise<ExecOutcome> =>
        exec({ namespace: ns, pod: 'runs', command, ...(stdin === undefined ? {} : { stdin }) })

      it('keeps output, errors and the exit code apart', async () => {
        expect(await run(['sh', '-c', 'echo out; echo err >&2; exit 3'])).toEqual({
          stdout: 'out\n',
          stderr: 'err\n',
          status: { kind: 'exited', exitCode: 3 },
        })
        expect((await run(['true'])).status).toEqual({ kind: 'exited', exitCode: 0 })
        expect((await run(['sh', '-c', 'true && false || exit 7'])).status).toEqual({
          kind: 'exited',
          exitCode: 7,
        })
      })

      it('gives arguments as they are', async () => {
        expect((await run(['echo', "it's", '$HOME', 'a  b'])).stdout).toBe("it's $HOME a  b\n")
      })

      // v4 has no word for the end of the input.
      if (endsInput)
        it('carries input to its end', async () => {
          const words = 'ä'.repeat(50_000)
          const { stdout, status } = await run(['cat'], words)
          expect(stdout === words).toBe(true)
          expect(status).toEqual({ kind: 'exited', exitCode: 0 })
        })

      it('says that a program is not there', async () => {
        const { status } = await run(['no-such-program'])
        expect(status?.kind === 'exited' ? status.exitCode : status?.message).not.toBe(0)
      })
    })

    it('need an upgrade for exec', async () => {
      const { status, body } = await client().post(`${pods}/runs/exec?command=true&stdout=true`, '')
      expect([status, body.reason]).toEqual([400, 'BadRequest'])
      expect(body.message).toContain('Upgrade request required')
    })

    it('end after their time, or at once', async () => {
      await client().post(pods, pod('leaves', target.image))
      await eventually(
        () => client().get(`${pods}/leaves`),
        ({ body }) => body.status.phase === 'Running',
      )
      const { status, body } = await client().delete(`${pods}/leaves`)
      expect([status, body.kind]).toEqual([200, 'Pod'])
      expect(body.metadata.deletionGracePeriodSeconds).toBe(1)
      await eventually(
        () => client().get(`${pods}/leaves`),
        (answer) => answer.status === 404,
      )
    })

    it('are evicted', async () => {
      await client().post(pods, pod('evicted', target.image))
      const version = isAtLeast(target, 22) ? 'policy/v1' : 'policy/v1beta1'
      const { status } = await client().post(`${pods}/evicted/eviction`, {
        apiVersion: version,
        kind: 'Eviction',
        metadata: { name: 'evicted' },
      })
      expect(status).toBe(201)
      await eventually(
        () => client().get(`${pods}/evicted`),
        (answer) => answer.status === 404,
      )
    })
  })
}
