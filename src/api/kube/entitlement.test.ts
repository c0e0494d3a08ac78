import { expect, it } from 'vitest'
import { systemClock } from '../../core/index.ts'
import { JoinTokens, type KubeMatcher } from '../../join/index.ts'
import { openMemoryBackend } from '../../storage/index.ts'
import { Entitlements } from './entitlement.ts'

const EVERY: readonly KubeMatcher[] = [{ labels: { '*': '*' } }]
const DEV: readonly KubeMatcher[] = [{ labels: { env: 'dev' } }]
const TOKEN = 'a-static-token-of-this-test-alone'

/** What a member that joined with `lineage`, when it gave everything, may have today. */
async function allowed(tokens: JoinTokens, lineage: string): Promise<readonly string[]> {
  const matchers = await new Entitlements(tokens).of({ lineage, kubeResources: EVERY })
  return ['dev', 'prod'].filter((env) => matchers.select({ env }))
}

it('follow a token of the configuration file, down to nothing when it is taken out', async () => {
  await using backend = openMemoryBackend({ clock: systemClock })
  const file = (...matchers: (readonly KubeMatcher[])[]): JoinTokens =>
    new JoinTokens(
      backend,
      systemClock,
      matchers.map((kubeResources) => ({ token: TOKEN, services: ['kube'], kubeResources })),
    )
  const [token] = await file(EVERY).list()
  const lineage = token?.name ?? ''
  expect(await allowed(file(EVERY), lineage)).toEqual(['dev', 'prod'])
  expect(await allowed(file(DEV), lineage)).toEqual(['dev'])
  expect(await allowed(file(), lineage)).toEqual([])
})

it('are for others what the token said when the member joined, also when it is gone', async () => {
  await using backend = openMemoryBackend({ clock: systemClock })
  const tokens = new JoinTokens(backend, systemClock, [])
  expect(await allowed(tokens, '0123456789abcdef')).toEqual(['dev', 'prod'])
})
