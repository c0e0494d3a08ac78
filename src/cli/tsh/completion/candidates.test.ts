import { describe, expect, it } from 'vitest'
import { FakeIo } from '../../../../test/support/fake-io.ts'
import { buildTsh } from '../program.ts'
import { type Candidate, candidates, type LiveWords } from './candidates.ts'

const words =
  (...names: string[]): (() => Promise<Candidate[]>) =>
  async () =>
    names.map((word) => ({ word, says: 'live' }))
const live: LiveWords = {
  kubeClusters: words('prod', 'pro "quoted"', 'staging'),
  proxies: words('p:3080'),
  users: words('joe', 'ann'),
}
const offeredAfter = async (...typed: string[]): Promise<string[]> => {
  const found = await candidates(buildTsh(new FakeIo()), typed, live)
  return found.map(({ word }) => word)
}

describe('candidates()', () => {
  it.each([
    [['l'], ['login', 'logout']],
    [
      ['kube', ''],
      ['ls', 'login', 'sessions', 'help'],
    ],
    [
      ['kube', 'login', 'pro'],
      ['prod', 'pro "quoted"'],
    ],
    [['kube', 'login', '-n', 'x', 's'], ['staging']],
    [['--debug', 'kube', 'login', 's'], ['staging']],
    [['kube', 'login', 'prod', ''], []],
    [['login', '--kube-cluster', 's'], ['staging']],
    [['login', '--kube-cluster=s'], ['--kube-cluster=staging']],
    [['--proxy', ''], ['p:3080']],
    [
      ['logout', '--user', ''],
      ['joe', 'ann'],
    ],
    [
      ['login', '--format', ''],
      ['file', 'kubernetes'],
    ],
    [['kube', 'ls', '--format', 'j'], ['json']],
    [['kube', 'ls', '-f', 'y'], ['yaml']],
    [['login', '--auth', ''], ['local']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['kube', 'ls', '--se'], ['--search']],
    [['kube', 'ls', '--pro'], ['--proxy']],
    [['login', '--out', ''], []],
    [['nothing', ''], []],
  ])('after %j: %j', async (typed, wanted) => {
    expect(await offeredAfter(...typed)).toEqual(wanted)
  })

  it('say what they are for, and offer nothing that is not for people', async () => {
    const first = await candidates(buildTsh(new FakeIo()), [''], live)
    expect(first.find(({ word }) => word === 'status')?.says).toMatch(/^show every login/)
    const kube = await offeredAfter('kube', '')
    expect(kube).not.toContain('credentials')
  })
})
