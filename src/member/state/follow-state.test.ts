import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../../core/index.ts'
import { MemberAccess } from './follow-state.ts'

describe('MemberAccess', () => {
  it('waits for the first state no longer than the process is to run, although the auth service does not answer', async () => {
    const asked = Promise.withResolvers<void>()
    const stop = new AbortController()
    const opening = MemberAccess.open({
      identity: {
        hostId: 'agent',
        teleportCluster: 'example',
        services: ['kube'],
        labels: {},
        current: () => ({ certificatePem: '', privateKeyPem: '', hostCaPem: '', expiresAtMs: 0 }),
        onChange: () => () => {},
      },
      call: () => {
        asked.resolve()
        return new Promise(() => {})
      },
      path: join(tmpdir(), 'teleport-nothing-here', 'member-state.json'),
      clock: systemClock,
      log: silentLogger,
      signal: stop.signal,
    })
    await asked.promise
    stop.abort(new Error('enough'))
    await expect(opening).rejects.toThrow('enough')
  })
})
