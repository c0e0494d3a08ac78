import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Estate, TELEPORT } from '../integration/daemon/support/estate.ts'
import { runProgram } from '../support/process.ts'
import { KUBECTL_VERSIONS, kubectls } from './support/environment.ts'

const CLUSTER = 'tunnelled'
const chosen = kubectls.filter(({ version }) => KUBECTL_VERSIONS.some((one) => one === version))
const missing = chosen.length === 0 ? 'no kubectl here' : null

describe.skipIf(missing !== null)(
  `two proxies behind a load balancer, and kubectl${missing === null ? '' : ` (${missing})`}`,
  () => {
    let estate: Estate
    beforeAll(async () => {
      estate = await Estate.open({ proxies: 2, agents: { out: { clusters: [CLUSTER] } } })
      // It has been reached through one of them; when that is down, the other is to have a tunnel.
      const agent = estate.agents.get('out')
      await agent?.running.until(
        ({ stderr }) => stderr.split('a tunnel to the proxy is open').length > 2,
        120_000,
      )
    })
    afterAll(() => estate?.[Symbol.asyncDispose]())

    /** Each with a discovery cache that is as cold as it gets. */
    const everyKubectl = async (): Promise<readonly (readonly [string, number, string])[]> =>
      Promise.all(
        chosen.map(async ({ version, path }) => {
          const cache = await mkdtemp(join(estate.directory, `cache-${version}-`))
          const { code, stderr } = await runProgram(path, [
            `--kubeconfig=${join(estate.directory, 'alice.kubeconfig')}`,
            `--context=${TELEPORT}-${CLUSTER}`,
            `--cache-dir=${cache}`,
            'get',
            'pods',
          ])
          return [version, code, code === 0 ? '' : stderr] as const
        }),
      )
    const allWell = chosen.map(({ version }) => [version, 0, ''])

    it.each([0, 1])(
      'works while proxy %i is down, and when it has just come back',
      async (which) => {
        const proxy = estate.proxies[which]
        if (proxy === undefined) throw new Error('there is no such proxy')
        const targets = estate.balancers.map((balancer) => balancer.targets)
        await proxy.end('SIGKILL')
        expect(await everyKubectl()).toEqual(allWell)
        // The other one is out of the way, so that who comes finds the one that has no tunnel yet: kubectl asks again by itself.
        for (const [index, balancer] of estate.balancers.entries()) {
          balancer.targets = (targets[index] ?? []).filter((_target, of) => of === which)
        }
        await proxy.start()
        expect(await everyKubectl()).toEqual(allWell)
        for (const [index, balancer] of estate.balancers.entries()) {
          balancer.targets = targets[index] ?? []
        }
      },
    )
  },
)
