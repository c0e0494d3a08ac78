import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { FakeApi, type FakeHandlers } from '../../../../test/support/fake-api.ts'
import { FakeIo, tctl } from '../../../../test/support/fake-io.ts'
import type { BodyOf, ResponseOf, UserResource } from '../../../contract/index.ts'
import { linkText } from './link.ts'

const TOKEN = '0123456789abcdef0123456789abcdef'

const link = (kind: 'invite' | 'reset', url = true): ResponseOf<'users.invites.create'> => ({
  token: TOKEN,
  path: `/web/${kind}/${TOKEN}`,
  url: url ? `https://proxy.example.com/web/${kind}/${TOKEN}` : null,
  expires: '2026-01-31T10:00:00.000Z',
})

/** An auth service that takes users and makes links, and what it was asked. */
function service(handlers: FakeHandlers = {}): {
  api: FakeApi
  created: UserResource[]
  links: BodyOf<'users.invites.create'>[]
} {
  const created: UserResource[] = []
  const links: BodyOf<'users.invites.create'>[] = []
  const api = new FakeApi({
    'users.create': ({ body }) => {
      created.push(body)
      return body
    },
    'users.invites.create': ({ body }) => {
      links.push(body)
      return link(body.kind)
    },
    ...handlers,
  })
  return { api, created, links }
}

describe('tctl users add', () => {
  it('prints the link, and what a robot needs instead', async () => {
    const { api, created, links } = service()
    const io = new FakeIo()
    const argv = ['users', 'add', 'joe', '--k8s-groups=system:masters', '--ttl=24h']
    expect(await tctl(api, argv, io)).toBe(0)
    expect(created[0]?.spec).toEqual({
      roles: ['access'],
      traits: { kubernetes_groups: ['system:masters'] },
    })
    expect(links).toEqual([{ kind: 'invite', ttl_ms: 24 * 3_600_000 }])
    expect(io.out).toBe(`user "joe" added with role "access"
with this link joe chooses a password; it works once, until 2026-01-31T10:00:00.000Z:

  https://proxy.example.com/web/invite/${TOKEN}

in a browser, or in a terminal, where it is asked for:

  tsh invite

`)
    expect(io.err).toContain('tctl auth sign --user=joe')
    expect(io.err).toContain('the CA pin of "tctl status"')
  })

  it('names the authority with which the first contact is no matter of trust', () => {
    const link = { token: TOKEN, path: '/p', url: 'https://p/p', expires: 'later' }
    expect(linkText('joe', link, ['sha256:00'])).toContain('\n  tsh invite --ca-pin=sha256:00\n')
  })

  it('prints data alone for programs', async () => {
    const io = new FakeIo()
    await tctl(service().api, ['users', 'add', 'joe', '--format=json'], io)
    expect(JSON.parse(io.out)).toMatchObject([
      { user: { metadata: { name: 'joe' } }, invite: { token: TOKEN } },
    ])
    const yaml = new FakeIo()
    await tctl(service().api, ['users', 'add', 'joe', '--format=yaml'], yaml)
    expect(parse(yaml.out)).toMatchObject({ invite: { token: TOKEN } })
  })

  it('names the page where there is no web address', async () => {
    const io = new FakeIo()
    const { api } = service({ 'users.invites.create': () => link('invite', false) })
    await tctl(api, ['users', 'add', 'joe'], io)
    expect(io.out).toContain(`joe opens /web/invite/${TOKEN}`)
  })

  it.each(['--ttl=49h', '--ttl=1s', '--ttl=soon', '--format=xml'])(
    'adds nobody with %s',
    async (flag) => {
      const { api } = service()
      const io = new FakeIo()
      expect(await tctl(api, ['users', 'add', 'joe', flag], io)).not.toBe(0)
      expect(api.calls).toEqual([])
      expect(io.err).toContain('tctl: ')
    },
  )
})

describe('tctl users reset', () => {
  it('prints the link', async () => {
    const { api, links } = service()
    const io = new FakeIo()
    expect(await tctl(api, ['users', 'reset', 'joe', '--ttl=2h'], io)).toBe(0)
    expect(links).toEqual([{ kind: 'reset', ttl_ms: 2 * 3_600_000 }])
    expect(io.out).toContain('password and second factor of "joe" are ended')
    expect(io.out).toContain(`  https://proxy.example.com/web/reset/${TOKEN}\n`)
  })

  it('takes no link that lives for longer than a day', async () => {
    const { api } = service()
    expect(await tctl(api, ['users', 'reset', 'joe', '--ttl=25h'], new FakeIo())).toBe(2)
    expect(api.calls).toEqual([])
  })
})

describe('tctl users ls', () => {
  it('shows who logged in when, who cannot, and who is kept out for a while', async () => {
    const user = (name: string, status: NonNullable<UserResource['status']>): UserResource => ({
      kind: 'user',
      version: 'v2',
      metadata: { name },
      spec: { roles: ['access'] },
      status,
    })
    const api = new FakeApi({
      'users.list': () => ({
        items: [
          user('alice', { password_set: true, last_login: '2026-01-31T09:00:00.000Z' }),
          user('jenkins', { password_set: false }),
          user('joe', { password_set: true, locked_until: '2026-01-31T09:15:00.000Z' }),
        ],
        next: null,
      }),
    })
    const io = new FakeIo()
    await tctl(api, ['users', 'ls'], io)
    const logins = io.out
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/\s{2,}/).at(-1))
    expect(logins[0]).toBe('Last Login')
    expect(logins.slice(2)).toEqual([
      '2026-01-31T09:00:00.000Z',
      'never; no password',
      'never; failed attempts: none is taken until 2026-01-31T09:15:00.000Z',
    ])
  })
})
