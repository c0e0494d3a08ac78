import { describe, expect, it } from 'vitest'
import { createRemoteAuth } from './remote-auth.ts'

const PERSON = { address: '203.0.113.7', port: 4711 }

describe('createRemoteAuth()', () => {
  const identity = {
    teleportCluster: 'example',
    current: () => ({ certificatePem: '', privateKeyPem: '', hostCaPem: '', expiresAtMs: 0 }),
  }
  const authOver = (dial: (host: string) => Promise<never>): ReturnType<typeof createRemoteAuth> =>
    createRemoteAuth(identity, {
      via: 'auth',
      addresses: [
        { host: 'one', port: 1 },
        { host: 'two', port: 2 },
      ],
      dial: ({ hostname }) => dial(hostname),
    })

  it('tries every auth service for each of many connections at once, and begins with the one that did not fail', async () => {
    const tried: string[] = []
    const auth = authOver(async (host) => {
      tried.push(host)
      throw new Error(`${host} is away`)
    })
    const dial = (): Promise<unknown> => auth.dial(PERSON, AbortSignal.timeout(5000))
    const failures = await Promise.allSettled([dial(), dial(), dial()])
    expect(failures.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(tried.toSorted()).toEqual(['one', 'one', 'one', 'two', 'two', 'two'])
  })
})
