import { describe, expect, it } from 'vitest'
import { FakeApi } from '../../test/support/fake-api.ts'
import { FakeIo, tctl } from '../../test/support/fake-io.ts'
import { quietWorld } from '../../test/support/tsh-world.ts'
import { exitCodes } from './exit-codes.ts'
import { run } from './run.ts'
import { buildTsh } from './tsh/program.ts'

describe('a duration that is none', () => {
  it.each([
    [['recordings', 'ls', '--last=soon'], '--last=soon is not a duration like 30m'],
    [['play', '--max-idle=5', 'any.cast'], '--max-idle=5 is not a duration like 30m'],
  ])('tsh %j is a wrong command line', async (argv, words) => {
    const io = new FakeIo()
    expect(await run(() => buildTsh(io, quietWorld(io, '/nowhere')), argv, io)).toBe(
      exitCodes.usage.code,
    )
    expect(io.err).toContain(words)
  })

  it.each([
    [['top', '--interval=often']],
    [['lock', '--user=joe', '--ttl=often']],
    [['tokens', 'add', '--type=kube', '--ttl=often']],
    [['users', 'reset', 'joe', '--ttl=often']],
    [['auth', 'sign', '--user=joe', '--format=tls', '--out=x', '--ttl=often']],
  ])('tctl %j is a wrong command line, and asks the auth service nothing', async (argv) => {
    const api = new FakeApi({})
    const io = new FakeIo()
    expect(await tctl(api, argv, io)).toBe(exitCodes.usage.code)
    expect(io.err).toMatch(/--(interval|ttl)=often is not a duration like 30m/)
    expect(api.calls).toEqual([])
  })
})
