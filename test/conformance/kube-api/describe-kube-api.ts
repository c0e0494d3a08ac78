import { afterAll, beforeAll, describe } from 'vitest'
import type { KubeClient } from '../../support/kube-client.ts'
import { describeAccess } from './access.ts'
import { describeApply } from './apply.ts'
import { describeDiscovery } from './discovery.ts'
import { describeObjects } from './objects.ts'
import { describePods } from './pods.ts'
import type { KubeApiTarget, OpenTarget } from './target.ts'
import { describeWatches } from './watches.ts'
import { describeWorkloads } from './workloads.ts'

/**
 * What the demo cluster claims of the Kubernetes API. The same sentences are asserted of real clusters (test/e2e), so that what
 * the demo pretends cannot drift from what is true; where versions differ, the sentence names the version.
 */
export function describeKubeApi(name: string, target: KubeApiTarget): void {
  describe(`kube api ${name}`, () => {
    let open: OpenTarget
    beforeAll(async () => {
      open = await target.open()
    })
    afterAll(() => open[Symbol.asyncDispose]())
    const client = (): KubeClient => open.client

    describeDiscovery(target, client)
    describeObjects(target, client)
    describeApply(target, client)
    describeWatches(target, client)
    describeWorkloads(target, client)
    describePods(target, client)
    describeAccess(target, client)
  })
}
