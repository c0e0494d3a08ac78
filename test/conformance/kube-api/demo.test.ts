import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { openDemoCluster } from '../../../src/demo/index.ts'
import { KubeClient } from '../../support/kube-client.ts'
import { describeKubeApi } from './describe-kube-api.ts'

describeKubeApi('of the demo cluster', {
  version: '1.35',
  image: 'demo/busybox:1',
  async open() {
    const demo = await openDemoCluster({ clock: systemClock, log: silentLogger })
    const client = await KubeClient.open(demo.kubeconfig())
    return {
      client,
      async [Symbol.asyncDispose]() {
        client[Symbol.dispose]()
        await demo[Symbol.asyncDispose]()
      },
    }
  },
})
