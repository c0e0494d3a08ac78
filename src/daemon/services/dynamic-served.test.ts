import { expect, it } from 'vitest'
import { silentLogger } from '../../core/index.ts'
import type { OpenUpstream } from '../../upstream/index.ts'
import { DynamicServedClusters } from './dynamic-served.ts'

const KUBECONFIG = `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://10.0.0.1:6443", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
`

it('judges by labels that came before the kubeconfig that was written with them', () => {
  const served = new DynamicServedClusters({
    isTaken: () => false,
    serverNameOf: (name) => name,
    open: () => ({}) as OpenUpstream,
    log: silentLogger,
  })
  const west = { name: 'west', revision: '1', kubeconfig: KUBECONFIG }
  const { added } = served.apply([{ ...west, labels: { env: 'dev' } }])
  const changes = served.apply([{ ...west, labels: { env: 'prod' } }])
  expect(changes).toEqual({ added: [], dropped: [], any: true })
  expect(added[0]?.labels()).toEqual({ env: 'prod' })
  expect(served.apply([{ ...west, labels: { env: 'prod' } }]).any).toBe(false)
})
