import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSecretCipher } from '../../ca/index.ts'
import type { ResponseOf } from '../../contract/index.ts'
import { silentLogger } from '../../core/index.ts'
import type { MemberCall } from '../ports.ts'
import { MemberDynamicClusters } from './dynamic-clusters.ts'

type Answer = ResponseOf<'member.kube_clusters'>
type Told = Answer['clusters'][number]

interface Asked {
  readonly have: readonly string[]
  answer(clusters: Told[]): void
}

// Read through a function, since it is set meanwhile.
const haveOf = (asked: Asked | null): readonly string[] => asked?.have ?? []

describe('MemberDynamicClusters', () => {
  let directory: string
  let clusters: MemberDynamicClusters
  /** What was asked for last, and answers it. */
  let asked: Asked | null
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'teleport-given-'))
    asked = null
    const call = (_name: string, input: { readonly body: { readonly have: readonly string[] } }) =>
      new Promise<Answer>((resolve) => {
        asked = {
          have: input.body.have,
          answer: (told) => resolve({ clusters: told, withheld: 0 }),
        }
      })
    clusters = await MemberDynamicClusters.open({
      resources: [{ labels: { env: ['dev', 'prod'] } }],
      call: call as unknown as MemberCall,
      cipher: createSecretCipher(Buffer.alloc(32, 1)),
      path: join(directory, 'clusters'),
      log: silentLogger,
    })
  })
  afterEach(async () => {
    clusters[Symbol.dispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const told = (revision: string, kubeconfig: string | null, env = 'dev', name = 'west'): Told => ({
    name,
    revision,
    labels: { env },
    kubeconfig,
  })
  const answer = async (...given: Told[]): Promise<readonly string[]> => {
    await expect.poll(() => asked).not.toBeNull()
    const now = asked
    asked = null
    now?.answer(given)
    await expect.poll(() => asked).not.toBeNull()
    return haveOf(asked)
  }

  it('keep what they have of a cluster, under its labels of now, until its new kubeconfig fits in', async () => {
    expect(await answer(told('1', 'old'))).toEqual(['1'])
    let changes = 0
    clusters.onChange(() => {
      changes += 1
    })
    // What is asked for next still tells the old revision, so that the text comes.
    expect(await answer(told('2', null, 'prod'))).toEqual(['1'])
    expect(clusters.current()).toEqual([told('1', 'old', 'prod')])
    expect(changes).toBe(1)
    expect(await answer(told('2', 'new', 'prod'))).toEqual(['2'])
    expect(clusters.current()).toEqual([told('2', 'new', 'prod')])
  })

  it('serve nothing whose kubeconfig never came, nor what is not for them by its labels of now', async () => {
    expect(await answer(told('1', 'old'))).toEqual(['1'])
    await answer(told('2', null, 'other'), told('3', null, 'dev', 'east'))
    expect(clusters.current()).toEqual([])
  })
})
