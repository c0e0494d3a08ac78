import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubeClient } from '../../support/kube-client.ts'
import { deployment, eventually, type KubeApiTarget, makeNamespace } from './target.ts'

interface Named {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly labels: Record<string, string>
    readonly annotations?: Record<string, string>
    readonly ownerReferences?: {
      readonly kind: string
      readonly uid: string
      readonly controller: boolean
    }[]
  }
}

export function describeWorkloads(target: KubeApiTarget, client: () => KubeClient): void {
  describe('workloads', () => {
    let ns: string
    let deployments: string
    let sets: string
    let pods: string
    beforeAll(async () => {
      ns = await makeNamespace(client(), 'workloads')
      deployments = `/apis/apps/v1/namespaces/${ns}/deployments`
      sets = `/apis/apps/v1/namespaces/${ns}/replicasets`
      pods = `/api/v1/namespaces/${ns}/pods`
    })
    afterAll(async () => {
      await client().delete(`/api/v1/namespaces/${ns}`)
    })
    const items = async (path: string, app: string): Promise<Named[]> =>
      (await client().get(`${path}?labelSelector=app%3D${app}`)).body.items as Named[]

    it('are filled in with what is left open', async () => {
      const { body } = await client().post(deployments, deployment('filled', target.image, 0))
      expect(body.spec).toMatchObject({
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
        strategy: {
          type: 'RollingUpdate',
          rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' },
        },
      })
      expect(body.spec.template.spec).toMatchObject({
        restartPolicy: 'Always',
        dnsPolicy: 'ClusterFirst',
        schedulerName: 'default-scheduler',
        containers: [
          { terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File' },
        ],
      })
      expect(body.metadata.generation).toBe(1)
    })

    it('are judged', async () => {
      const wrong = (change: object): Promise<{ status: number; body: { message: string } }> => {
        const object = deployment('wrong', target.image) as { spec: object }
        return client().post(deployments, { ...object, spec: { ...object.spec, ...change } })
      }
      for (const [change, words] of [
        [{ replicas: -1 }, 'spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
        [
          { selector: { matchLabels: { app: 'other' } } },
          '`selector` does not match template `labels`',
        ],
        [
          { template: { metadata: { labels: { app: 'wrong' } }, spec: { containers: [] } } },
          'spec.template.spec.containers: Required value',
        ],
      ] as const) {
        const { status, body } = await wrong(change)
        expect([status, body.message.includes(words)], body.message).toEqual([422, true])
      }
    })

    it('make pods, roll on, scale, and take their own with them', async () => {
      const path = `${deployments}/web`
      await client().post(deployments, deployment('web', target.image, 2))
      const ready = await eventually(
        () => client().get(path),
        ({ body }) => body.status?.readyReplicas === 2 && body.status?.availableReplicas === 2,
      )
      expect(ready.body.status).toMatchObject({ replicas: 2, updatedReplicas: 2 })
      expect(ready.body.metadata.annotations['deployment.kubernetes.io/revision']).toBe('1')

      const [first, ...others] = await items(sets, 'web')
      expect(others).toEqual([])
      expect(first?.metadata.ownerReferences).toMatchObject([
        { kind: 'Deployment', uid: ready.body.metadata.uid, controller: true },
      ])
      const hash = first?.metadata.labels['pod-template-hash'] ?? ''
      expect(first?.metadata.name).toBe(`web-${hash}`)
      for (const { metadata } of await items(pods, 'web')) {
        expect(metadata.name).toMatch(new RegExp(`^web-${hash}-[a-z0-9]{5}$`))
        expect(metadata.ownerReferences).toMatchObject([
          { kind: 'ReplicaSet', uid: first?.metadata.uid, controller: true },
        ])
      }

      await client().patch(path, 'strategic', {
        spec: { template: { metadata: { annotations: { restarted: 'now' } } } },
      })
      const rolled = await eventually(
        () => client().get(path),
        ({ body }) =>
          body.status?.observedGeneration === body.metadata.generation &&
          body.status?.updatedReplicas === 2 &&
          body.status?.replicas === 2 &&
          body.status?.availableReplicas === 2,
      )
      expect(rolled.body.metadata.annotations['deployment.kubernetes.io/revision']).toBe('2')
      const progressing = rolled.body.status.conditions.find(
        ({ type }: { type: string }) => type === 'Progressing',
      )
      expect(['NewReplicaSetAvailable', 'ReplicaSetUpdated']).toContain(progressing.reason)
      expect(await items(sets, 'web')).toHaveLength(2)

      const scale = await client().get(`${path}/scale`)
      expect(scale.body).toMatchObject({
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        spec: { replicas: 2 },
        status: { replicas: 2, selector: 'app=web' },
      })
      await client().patch(`${path}/scale`, 'merge', { spec: { replicas: 1 } })
      await eventually(
        () => client().get(pods),
        ({ body }) =>
          body.items.filter(
            (item: { metadata: { deletionTimestamp?: string; labels: { app: string } } }) =>
              item.metadata.labels.app === 'web' && item.metadata.deletionTimestamp === undefined,
          ).length === 1,
      )

      await client().delete(path, { body: { propagationPolicy: 'Background' } })
      for (const owned of [sets, pods]) {
        await eventually(
          () => client().get(`${owned}?labelSelector=app%3Dweb`),
          ({ body }) => body.items.length === 0,
        )
      }
    })

    it('leave their own behind when they are told to', async () => {
      await client().post(deployments, deployment('orphan', target.image, 0))
      await eventually(
        () => client().get(`${sets}?labelSelector=app%3Dorphan`),
        ({ body }) => body.items.length === 1,
      )
      await client().delete(`${deployments}/orphan?propagationPolicy=Orphan`)
      const { body } = await eventually(
        () => client().get(`${sets}?labelSelector=app%3Dorphan`),
        (answer) => answer.body.items[0].metadata.ownerReferences === undefined,
      )
      expect(body.items).toHaveLength(1)
    })

    it('go after their own when they are told to', async () => {
      await client().post(deployments, deployment('foreground', target.image, 1))
      await eventually(
        () => client().get(`${pods}?labelSelector=app%3Dforeground`),
        ({ body }) => body.items.length === 1,
      )
      await client().delete(`${deployments}/foreground?propagationPolicy=Foreground`)
      await eventually(
        () => client().get(`${deployments}/foreground`),
        ({ status }) => status === 404,
      )
      expect(await items(pods, 'foreground')).toEqual([])
    })
  })
}
