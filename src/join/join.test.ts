import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../core/index.ts'
import { type Backend, openMemoryBackend } from '../storage/index.ts'
import { KubeNames, type Member, Members, OWN_LINEAGE } from './index.ts'
import { MEMBER_MEMORY_MS, MEMBER_OFFLINE_MS, SEEN_EVERY_MS } from './limits.ts'
import { parseMemberServices } from './services.ts'
import { newTokenText, tokenHash, tokenName, tokenProblem } from './token-text.ts'
import { JoinTokens } from './tokens.ts'

const SECRET = '866c6c114724a0fa4d4d73216afd99fb1a2d6bfde8e13a19'
let nowMs = 1_000_000
const clock: Clock = { now: () => nowMs }
let backend: Backend
beforeEach(() => {
  nowMs = 1_000_000
  backend = openMemoryBackend({ clock })
})
afterEach(() => backend[Symbol.asyncDispose]())

const stored = async (): Promise<string> => JSON.stringify((await backend.list('')).items)

describe('JoinTokens', () => {
  const wish = {
    services: ['kube'] as const,
    kubeResources: [],
    labels: { a: 'b' },
    ttlMs: 60_000,
    value: null,
  }

  it('finds what it made until its time is over, and keeps its hash alone', async () => {
    const tokens = new JoinTokens(backend, clock, [])
    const { token, made } = await tokens.create(wish)
    expect(token).toMatch(/^[0-9a-f]{48}$/)
    expect(await tokens.find(token)).toEqual(made)
    expect(made).toMatchObject({
      services: ['kube'],
      kubeResources: [],
      labels: { a: 'b' },
      expiresAtMs: 1_060_000,
    })
    expect(await stored()).not.toContain(token)
    expect(await tokens.find(made.name)).toBeNull()
    nowMs += 60_000
    expect(await tokens.find(token)).toBeNull()
    expect(await tokens.list()).toEqual([])
  })

  it('does not find what was removed, and says whether there was something to remove', async () => {
    const tokens = new JoinTokens(backend, clock, [])
    const { token, made } = await tokens.create(wish)
    expect(await tokens.delete(made.name)).toBe(true)
    expect(await tokens.delete(made.name)).toBe(false)
    expect(await tokens.find(token)).toBeNull()
  })

  it('takes a chosen value once, and none that can be guessed', async () => {
    const tokens = new JoinTokens(backend, clock, [])
    await tokens.create({ ...wish, value: SECRET })
    await expect(tokens.create({ ...wish, value: SECRET })).rejects.toMatchObject({
      code: 'TOKEN_EXISTS',
    })
    await expect(tokens.create({ ...wish, value: 'secret' })).rejects.toMatchObject({
      code: 'TOKEN_WEAK',
    })
  })

  it('never writes a token of the configuration file, and lists it first', async () => {
    const tokens = new JoinTokens(backend, clock, [{ token: SECRET, services: ['proxy', 'kube'] }])
    await tokens.create(wish)
    const found = await tokens.find(SECRET)
    expect(found).toMatchObject({ services: ['proxy', 'kube'], expiresAtMs: null })
    expect((await tokens.list()).map(({ name }) => name)[0]).toBe(found?.name)
    expect(await tokens.read(found?.name ?? '')).toEqual(found)
    expect(found?.name).not.toContain(SECRET.slice(0, 8))
    expect(await stored()).not.toContain(SECRET)
    expect(await stored()).not.toContain(tokenHash(SECRET).toString('hex'))
  })

  it('is not led by a name to another secret', async () => {
    const tokens = new JoinTokens(backend, clock, [])
    await tokens.create({ ...wish, value: SECRET })
    const [item] = (await backend.list('join_tokens')).items
    const forged = { ...(JSON.parse(item?.value ?? '') as object), hash: '00'.repeat(32) }
    await backend.put({ key: item?.key ?? '', value: JSON.stringify(forged) })
    expect(await tokens.find(SECRET)).toBeNull()
  })
})

describe('token texts', () => {
  it('are different each time, and pass their own rules', () => {
    const texts = new Set(Array.from({ length: 100 }, newTokenText))
    expect(texts.size).toBe(100)
    for (const text of texts) expect(tokenProblem(text)).toBeNull()
  })

  it.each([
    '',
    'a'.repeat(15),
    'a'.repeat(257),
    `${SECRET} x`,
    `${SECRET}\n`,
    `$(${SECRET})`,
    `"${SECRET}"`,
  ])('refuses %j without repeating it', (text) => {
    const problem = tokenProblem(text)
    expect(problem).not.toBeNull()
    expect(problem).not.toContain(SECRET)
  })

  it('have a name that tells nothing of the hash that is compared', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 16 }), (token) => {
        expect(tokenHash(token).toString('hex')).not.toContain(tokenName(token))
        expect(tokenName(token)).toMatch(/^[0-9a-f]{16}$/)
      }),
    )
  })
})

it.each([
  ['kube', { services: ['kube'] }],
  ['Proxy, kube,kube', { services: ['proxy', 'kube'] }],
  ['auth', { unknown: 'auth' }],
  ['kube,node', { unknown: 'node' }],
  ['', { unknown: '' }],
])('reads the services %j', (text, expected) => {
  expect(parseMemberServices(text)).toEqual(expected)
})

describe('KubeNames', () => {
  it('binds a name to whom it is claimed for first, until it is freed', async () => {
    const names = new KubeNames(backend, clock)
    const name = 'arn:aws:eks:eu-west-1:1:cluster/prod'
    expect(await names.claim(name, 'a')).toMatchObject({ name, lineage: 'a' })
    expect(await names.claim(name, 'a')).toMatchObject({ lineage: 'a' })
    expect(await names.claim(name, 'b')).toMatchObject({ lineage: 'a' })
    expect(await names.owns(name, 'b')).toBe(false)
    expect(await names.owns(name, 'a')).toBe(true)
    nowMs += 1000 * 365 * 24 * 3_600_000
    expect(await names.claim(name, 'b')).toMatchObject({ lineage: 'a' })
    expect(await names.free(name)).toBe(true)
    expect(await names.free(name)).toBe(false)
    expect(await names.claim(name, 'b')).toMatchObject({ lineage: 'b' })
    expect(await names.list()).toHaveLength(1)
  })

  it('gives a name that many claim at once to one of them', async () => {
    const names = new KubeNames(backend, clock)
    const lineages = Array.from({ length: 20 }, (_, index) => `lineage-${index}`)
    const owners = await Promise.all(lineages.map((lineage) => names.claim('prod', lineage)))
    expect(new Set(owners.map(({ lineage }) => lineage)).size).toBe(1)
  })

  it('has a lineage of its own process that no token has', () => {
    expect(tokenName(OWN_LINEAGE)).not.toBe(OWN_LINEAGE)
    expect(OWN_LINEAGE).not.toMatch(/^(static-)?[0-9a-f]+$/)
  })
})

describe('Members', () => {
  const member: Member = {
    hostId: '11111111-1111-4111-8111-111111111111',
    services: ['kube'],
    lineage: 'a',
    labels: {},
    nodename: 'n',
    version: '1.0.0',
    address: '10.0.0.1:1',
    joinedMs: 5,
    lastSeenMs: 5,
    certificateEndsMs: 2_000_000,
  }

  const found = async (members: Members): Promise<Member> => {
    const one = await members.find(member.hostId)
    if (one === null) throw new Error('there is no such member')
    return one
  }

  it('lets a host id join again for its own lineage, and for no other', async () => {
    const members = new Members(backend, clock)
    expect(await members.enter(member)).toBe(true)
    expect(await members.enter({ ...member, lineage: 'b' })).toBe(false)
    expect(await members.enter({ ...member, joinedMs: 9, services: ['proxy'] })).toBe(true)
    expect(await members.find(member.hostId)).toMatchObject({
      lineage: 'a',
      joinedMs: 5,
      services: ['proxy'],
    })
  })

  it('tells at once that a member lives, and writes it once in a while', async () => {
    const members = new Members(backend, clock)
    await members.enter({ ...member, lastSeenMs: nowMs })
    const seen = { version: '1.0.0', address: '10.0.0.1:1' }
    const revision = async (): Promise<number | undefined> =>
      (await backend.get(`members/${member.hostId}`))?.revision
    const before = await revision()
    nowMs += 1000
    await members.seen(await found(members), seen)
    expect(await revision()).toBe(before)
    expect((await members.find(member.hostId))?.lastSeenMs).toBe(nowMs)
    expect((await members.list({})).items[0]?.lastSeenMs).toBe(nowMs)
    nowMs += SEEN_EVERY_MS
    await members.seen(await found(members), seen)
    expect(await revision()).not.toBe(before)
    const later = await revision()
    await members.seen(await found(members), { ...seen, version: '1.1.0' })
    expect(await revision()).not.toBe(later)
    expect(await members.find(member.hostId)).toMatchObject({ version: '1.1.0' })
  })

  it('says within 15 seconds that a member is silent', async () => {
    const members = new Members(backend, clock)
    const isOnline = async (): Promise<boolean> => members.isOnline(await found(members))
    await members.enter({ ...member, lastSeenMs: nowMs })
    nowMs += MEMBER_OFFLINE_MS - 1
    expect(await isOnline()).toBe(true)
    await members.seen(await found(members), { version: '1.0.0', address: '10.0.0.1:1' })
    nowMs += MEMBER_OFFLINE_MS - 1
    expect(await isOnline()).toBe(true)
    nowMs += 1
    expect(await isOnline()).toBe(false)
    expect(MEMBER_OFFLINE_MS).toBeLessThan(15_000)
  })

  it('gives members that were there before a restart the time to say so, and no others', async () => {
    const before = new Members(backend, clock)
    await before.enter({ ...member, lastSeenMs: nowMs })
    const { hostId } = member
    // Heard of until the end, and not written.
    nowMs += SEEN_EVERY_MS
    const members = new Members(backend, clock)
    expect(members.isOnline(await found(members))).toBe(true)
    const longGone = nowMs - SEEN_EVERY_MS - MEMBER_OFFLINE_MS
    expect(members.isOnline({ hostId, lastSeenMs: longGone })).toBe(false)
    nowMs += MEMBER_OFFLINE_MS
    expect(members.isOnline(await found(members))).toBe(false)
  })

  it('brings nobody back who was removed, by a heartbeat or a renewal', async () => {
    const members = new Members(backend, clock)
    await members.enter(member)
    expect(await members.delete(member.hostId)).toBeGreaterThan(0)
    expect(await members.delete(member.hostId)).toBeNull()
    expect(await members.wasRemoved(member.hostId)).toBe(true)
    const seen = { version: '1.0.0', address: 'x:1' }
    await members.seen(member, seen)
    expect(await members.renewed(member.hostId, { ...seen, nodename: 'n' }, 9_000_000)).toBeNull()
    expect(await members.find(member.hostId)).toBeNull()
  })

  it('forgets who is gone for long', async () => {
    const members = new Members(backend, clock)
    await members.enter(member)
    nowMs = member.certificateEndsMs + MEMBER_MEMORY_MS - 1
    expect(await members.find(member.hostId)).not.toBeNull()
    nowMs += 1
    expect(await members.find(member.hostId)).toBeNull()
  })
})
