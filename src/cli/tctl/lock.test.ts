import { describe, expect, it } from 'vitest'
import { FakeApi, refusal } from '../../../test/support/fake-api.ts'
import { FakeIo, tctl } from '../../../test/support/fake-io.ts'
import type { LockResource, RoleResource, UserResource } from '../../contract/index.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const joe: UserResource = {
  kind: 'user',
  version: 'v2',
  metadata: { name: 'joe' },
  spec: { roles: ['dev'] },
}
const dev: RoleResource = { kind: 'role', version: 'v7', metadata: { name: 'dev' }, spec: {} }

async function lock(
  argv: readonly string[],
): Promise<{ exit: number; io: FakeIo; written: LockResource[]; calls: readonly string[] }> {
  const written: LockResource[] = []
  const api = new FakeApi({
    'locks.create': ({ body }) => {
      written.push(body)
      return body
    },
    'users.read': ({ params }) => {
      if (params['name'] !== 'joe') throw refusal(404, 'NOT_FOUND', 'not found')
      return joe
    },
    'roles.read': () => dev,
    'members.read': () => ({
      kind: 'instance',
      version: 'v1',
      metadata: { name: 'h-1', labels: {} },
      spec: { hostname: 'h', services: ['kube'], version: '1.0.0', token: 't', address: '' },
      status: { online: true, last_seen: '', joined: '', certificate_expires: '' },
    }),
  })
  const io = new FakeIo()
  const exit = await tctl(api, ['lock', ...argv], io)
  return { exit, io, written, calls: api.calls }
}

describe('tctl lock', () => {
  it.each<[string, string[], LockResource['spec']]>([
    ['a user', ['--user=joe'], { target: { user: 'joe' } }],
    ['a role', ['--role=dev'], { target: { role: 'dev' } }],
    [
      'a user with a role, with words',
      ['--user=joe', '--role=dev', '--message=incident 42'],
      { target: { user: 'joe', role: 'dev' }, message: 'incident 42' },
    ],
    ['a service', ['--server-id=h-1'], { target: { server_id: 'h-1' } }],
    [
      'a user until a time',
      ['--user=joe', '--expires=2099-01-31T09:00:00Z'],
      { target: { user: 'joe' }, expires: '2099-01-31T09:00:00Z' },
    ],
  ])('locks %s', async (_whom, argv, spec) => {
    const { exit, io, written } = await lock(argv)
    expect(exit).toBe(0)
    expect(written).toEqual([
      {
        kind: 'lock',
        version: 'v2',
        metadata: { name: expect.stringMatching(UUID) },
        spec,
      },
    ])
    const name = written[0]?.metadata.name ?? ''
    expect(io.out).toMatch(new RegExp(`^lock "${name}" created: .* is locked out`))
    expect(io.err).toBe(`end it with: tctl rm lock/${name}\n`)
  })

  it('takes names that nobody else has', async () => {
    const [one, other] = await Promise.all([lock(['--user=joe']), lock(['--user=joe'])])
    expect(one.written[0]?.metadata.name).not.toBe(other.written[0]?.metadata.name)
  })

  it('counts --ttl from now', async () => {
    const before = Date.now()
    const { written, io } = await lock(['--user=joe', '--ttl=10m'])
    const { expires = '' } = written[0]?.spec ?? {}
    expect(Date.parse(expires)).toBeGreaterThanOrEqual(before + 600_000)
    expect(Date.parse(expires)).toBeLessThanOrEqual(Date.now() + 600_000)
    expect(io.out).toContain(`user "joe" is locked out until ${expires}`)
  })

  it('says when there is nobody of that name', async () => {
    const { exit, io } = await lock(['--user=jeo'])
    expect(exit).toBe(0)
    expect(io.err).toContain('there is no user "jeo" now')
  })

  it.each([
    ['nobody', []],
    ['a service and a user', ['--server-id=h-1', '--user=joe']],
    ['two ends', ['--user=joe', '--ttl=1h', '--expires=2099-01-31T09:00:00Z']],
    ['no time at all', ['--user=joe', '--ttl=0s']],
    ['no duration', ['--user=joe', '--ttl=soon']],
  ])('asks the auth service for nothing when given %s', async (_what, argv) => {
    const { exit, io, calls } = await lock(argv)
    expect(exit).not.toBe(0)
    expect(io.err).not.toBe('')
    expect(calls).toEqual([])
  })
})
