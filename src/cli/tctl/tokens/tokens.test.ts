import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { FakeApi, type FakeHandlers } from '../../../../test/support/fake-api.ts'
import { FakeIo, tctl } from '../../../../test/support/fake-io.ts'
import type { BodyOf } from '../../../contract/index.ts'
import { parseConfig } from '../../../daemon/config/index.ts'
import type { NewToken } from './instructions.ts'

const TOKEN = '866c6c114724a0fa4d4d73216afd99fb1a2d6bfde8e13a19'
const PIN = `sha256:${'ab'.repeat(32)}`

/** An auth service that makes tokens, and what it was asked. */
function service(
  fields: Partial<NewToken> = {},
  handlers: FakeHandlers = {},
): { api: FakeApi; asked: BodyOf<'tokens.create'>[] } {
  const asked: BodyOf<'tokens.create'>[] = []
  const api = new FakeApi({
    'tokens.create': ({ body }) => {
      asked.push(body)
      return {
        token: TOKEN,
        resource: {
          kind: 'token',
          version: 'v2',
          metadata: { name: '3f1c9a5be0d24786', labels: {}, expires: '2026-01-31T10:00:00.000Z' },
          spec: {
            roles: body.services,
            join_method: 'token',
            ...(body.kube_resources === undefined ? {} : { kube_resources: body.kube_resources }),
          },
          status: { static: false },
        },
        ca_pins: [PIN],
        proxy_addr: 'proxy.example.com:3080',
        auth_addr: 'auth.example.com:3025',
        ...fields,
      }
    },
    ...handlers,
  })
  return { api, asked }
}

/** The configuration among the instructions, as the daemon reads it. */
function configIn(text: string): ReturnType<typeof parseConfig> {
  const lines = text.split('\n')
  const from = lines.indexOf('  version: v3')
  const to = lines.findIndex((line, index) => index > from && line.startsWith('or'))
  return parseConfig(
    lines
      .slice(from, to)
      .map((line) => line.slice(2))
      .join('\n'),
    'teleport.yaml',
  )
}

describe('tctl tokens add', () => {
  it('says which dynamic clusters its agents may serve', async () => {
    const { api, asked } = service()
    const argv = ['--kube-resources=env=dev,team=blue', '--kube-resources=*=*']
    const io = new FakeIo()
    expect(await tctl(api, ['tokens', 'add', '--type=kube', ...argv], io)).toBe(0)
    expect(asked).toMatchObject([
      { kube_resources: [{ labels: { env: 'dev', team: 'blue' } }, { labels: { '*': '*' } }] },
    ])
    // An agent is given what both say: its token and its own file.
    expect(configIn(io.out).kube.resources).toMatchObject([
      { labels: { env: 'dev', team: 'blue' } },
      { labels: { '*': '*' } },
    ])
  })

  it('prints the token, the pin, and a configuration that the daemon takes', async () => {
    const { api, asked } = service()
    const io = new FakeIo()
    const argv = ['tokens', 'add', '--type=kube', '--ttl=24h', '--labels=team=blue,env=a=b']
    expect(await tctl(api, argv, io)).toBe(0)
    expect(asked).toEqual([
      { services: ['kube'], ttl_ms: 24 * 3_600_000, labels: { team: 'blue', env: 'a=b' } },
    ])
    expect(io.out).toContain(`CA pin: ${PIN}`)
    expect(configIn(io.out)).toMatchObject({
      joining: {
        server: { kind: 'proxy', addresses: [{ host: 'proxy.example.com', port: 3080 }] },
        token: { kind: 'value', value: TOKEN },
        caPins: [PIN],
      },
      auth: { enabled: false },
      proxy: { enabled: false },
      kube: { enabled: true },
    })
    expect(io.out).toContain('--set proxyAddr=proxy.example.com:3080')
    expect(io.out).toContain(`--set "caPin={${PIN}}"`)
    expect(io.out).toContain('teleport start --roles=kube')
  })

  it('sends a proxy to the auth service, and tells it nothing of Helm', async () => {
    const io = new FakeIo()
    expect(await tctl(service().api, ['tokens', 'add', '--type=proxy'], io)).toBe(0)
    expect(configIn(io.out)).toMatchObject({
      joining: { server: { kind: 'auth', addresses: [{ host: 'auth.example.com', port: 3025 }] } },
      proxy: { enabled: true },
      kube: { enabled: false },
    })
    expect(io.out).not.toContain('helm')
  })

  it('sends agents to the auth service where there is no proxy', async () => {
    const io = new FakeIo()
    await tctl(service({ proxy_addr: null }).api, ['tokens', 'add', '--type=kube'], io)
    expect(configIn(io.out).joining.server).toMatchObject({ kind: 'auth' })
    expect(io.out).toContain('--auth-server=auth.example.com:3025')
  })

  it('prints data alone for programs', async () => {
    const json = new FakeIo()
    await tctl(service().api, ['tokens', 'add', '--type=proxy,kube', '--format=json'], json)
    expect(JSON.parse(json.out)).toMatchObject({
      token: TOKEN,
      resource: { spec: { roles: ['proxy', 'kube'] } },
    })
    const yaml = new FakeIo()
    await tctl(service().api, ['tokens', 'add', '--type=kube', '--format=yaml'], yaml)
    expect(parse(yaml.out)).toMatchObject({ token: TOKEN, ca_pins: [PIN] })
  })

  it.each([
    [['--type=node'], '"node" cannot join: kube and proxy can'],
    [[], '--type'],
    [['--type=kube', '--ttl=49h'], 'lives between 1m and 48h'],
    [['--type=kube', '--ttl=1s'], 'lives between 1m and 48h'],
    [['--type=kube', '--labels=a'], 'is not name=value'],
    [['--type=kube', '--format=xml'], '--format=xml'],
  ])('makes none with %j', async (flags, words) => {
    const { api, asked } = service()
    const io = new FakeIo()
    expect(await tctl(api, ['tokens', 'add', ...flags], io)).toBe(2)
    expect(io.err).toContain(words)
    expect(asked).toEqual([])
  })
})

describe('tctl tokens ls, inventory ls', () => {
  it('tells tokens apart, and which never end', async () => {
    const io = new FakeIo()
    const { api } = service(
      {},
      {
        'tokens.list': () => ({
          items: [
            {
              kind: 'token',
              version: 'v2',
              metadata: { name: 'static-1', labels: {} },
              spec: { roles: ['kube'], join_method: 'token' },
              status: { static: true },
            },
          ],
          next: null,
        }),
      },
    )
    expect(await tctl(api, ['tokens', 'ls'], io)).toBe(0)
    expect(io.out).toMatch(/static-1 +kube +never \(stands in teleport\.yaml\)/)
  })

  it.each([
    [{ online: true }, 'online'],
    [{ online: false }, 'offline'],
    [{ online: true, locked: 'host a is locked out: why' }, 'locked'],
  ])('shows %o as %s', async (status, word) => {
    const times = { last_seen: '', joined: '', certificate_expires: '' }
    const instance = {
      kind: 'instance',
      version: 'v1',
      metadata: { name: 'a', labels: {} },
      spec: { hostname: 'a', services: ['kube'], version: '1.2.3', token: 't', address: 'x:1' },
      status: { ...times, ...status },
    } as const
    const { api } = service(
      {},
      { 'members.list': () => ({ items: [instance], next: null }) as never },
    )
    const io = new FakeIo()
    expect(await tctl(api, ['inventory', 'ls'], io)).toBe(0)
    expect(io.out).toMatch(new RegExp(`1\\.2\\.3 +${word} `))
  })

  it.each([
    [[], ['a', 'b', 'c']],
    [['--services=proxy'], ['b']],
    [['--older-than=1.10.0'], ['a', 'c']],
    [['--newer-than=v1.2.3'], ['b', 'c']],
    [['--newer-than=1.2.3', '--older-than=1.11.0', '--services=proxy'], ['b']],
  ])('lists who joined, with %j', async (flags, expected) => {
    const of = (name: string, services: ('kube' | 'proxy')[], version: string): object => ({
      kind: 'instance',
      version: 'v1',
      metadata: { name, labels: {} },
      spec: { hostname: name, services, version, token: 't', address: 'x:1' },
      status: { online: true, last_seen: '', joined: '', certificate_expires: '' },
    })
    const items = [of('a', ['kube'], '1.2.3'), of('b', ['proxy'], '1.10.0'), of('c', ['kube'], '?')]
    const { api } = service({}, { 'members.list': () => ({ items, next: null }) as never })
    const io = new FakeIo()
    expect(await tctl(api, ['inventory', 'ls', '--format=json', ...flags], io)).toBe(0)
    const names = (JSON.parse(io.out) as { metadata: { name: string } }[]).map(
      ({ metadata }) => metadata.name,
    )
    expect(names).toEqual(expected)
  })

  it.each([
    [['inventory', 'ls'], 'nothing has joined yet'],
    [['kube', 'ls'], '"tctl tokens add --type=kube" says how an agent joins'],
  ])('%j says how to go on where there is nothing, and programs nothing', async (argv, words) => {
    const nothing = () => ({ items: [], next: null })
    const { api } = service({}, { 'members.list': nothing, 'kube_clusters.list': nothing })
    const io = new FakeIo()
    expect(await tctl(api, argv, io)).toBe(0)
    expect(io.err).toContain(words)
    const json = new FakeIo()
    expect(await tctl(api, [...argv, '--format=json'], json)).toBe(0)
    expect([json.out, json.err]).toEqual(['[]\n', ''])
  })
})
