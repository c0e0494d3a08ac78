import { expect, it } from 'vitest'
import type { HeartbeatRequest } from '../../contract/index.ts'
import { silentLogger } from '../../core/index.ts'
import type { MemberCall } from '../ports.ts'
import { type BeatCluster, Heartbeats } from './heartbeats.ts'

const cluster = (name: string, fields: Partial<BeatCluster> = {}): BeatCluster => ({
  name,
  labels: { env: 'prod' },
  unknownLabels: [],
  health: 'healthy',
  problem: null,
  sinceMs: 0,
  kubernetesVersion: null,
  dynamic: false,
  ...fields,
})

interface Stage {
  readonly beats: Heartbeats
  readonly said: HeartbeatRequest[]
  /** What the auth service refuses. */
  readonly foreign: Set<string>
  readonly dropped: string[]
}

function open(): Stage {
  const said: HeartbeatRequest[] = []
  const foreign = new Set<string>()
  const dropped: string[] = []
  const call = async (_name: string, { body }: { body: HeartbeatRequest }): Promise<unknown> => {
    said.push(body)
    const names = body.clusters.map(({ name }) => name).filter((name) => foreign.has(name))
    return { refused: names.map((name) => ({ name, message: 'it is another’s' })) }
  }
  const beats = new Heartbeats({
    call: call as unknown as MemberCall,
    version: '1.0.0',
    address: null,
    log: silentLogger,
    onRefused: (names) => dropped.push(...names),
  })
  return { beats, said, foreign, dropped }
}

it('leaves labels that somebody wrote down to the auth service, which has them', async () => {
  const { beats, said } = open()
  await beats.announce([cluster('own'), cluster('given', { dynamic: true })])
  expect(said[0]?.clusters.map(({ name, labels }) => [name, labels])).toEqual([
    ['own', { env: 'prod' }],
    ['given', {}],
  ])
})

it('knows a name for another’s from when it is refused until it is taken again', async () => {
  const { beats, foreign, dropped } = open()
  foreign.add('west')
  await beats.announce([cluster('west'), cluster('east')])
  expect([beats.isForeign('west'), beats.isForeign('east')]).toEqual([true, false])
  expect(dropped).toEqual(['west'])
  foreign.clear()
  await beats.announce([cluster('west'), cluster('east')])
  expect(beats.isForeign('west')).toBe(false)
})
