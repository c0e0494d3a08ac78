import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { createSecretCipher, openAuthorities } from '../ca/index.ts'
import { silentLogger, systemClock } from '../core/index.ts'
import { openMemoryBackend } from '../storage/index.ts'
import { HostCertificates } from './host-certificates.ts'

it('keeps certificates for as long as their clusters are served, and others for good', async () => {
  await using authorities = await openAuthorities({
    backend: openMemoryBackend({ clock: systemClock }),
    cipher: createSecretCipher(randomBytes(32)),
    clock: systemClock,
    clusterName: 'example.com',
    log: silentLogger,
  })
  const certificates = await HostCertificates.open(
    authorities,
    { kind: 'host', teleportCluster: 'example.com', hostId: 'host-1', services: ['auth'] },
    systemClock,
  )
  const pairs = (): Promise<unknown>[] =>
    ['auth', 'west', 'east'].map((name) => certificates.pair(`${name}.example.com`))
  const clusters = (...names: string[]): { readonly serverName: string }[] =>
    names.map((name) => ({ serverName: `${name}.example.com` }))

  await certificates.serve(clusters('west', 'east'))
  const before = await Promise.all(pairs())
  await certificates.serve(clusters('east'))
  const after = await Promise.all(pairs())
  expect(after.map((pair, index) => pair === before[index])).toEqual([true, false, true])
})
