import { Secret } from 'otpauth'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StrangerAnswer } from '../../../src/api/index.ts'
import { ApiClient } from '../../../src/client/index.ts'
import { endpoints, type ResponseOf } from '../../../src/contract/index.ts'
import { ADDRESS, codeAt, newPublicKey, PASSWORD, signUp, TestClock } from './support/people.ts'
import { call, TestApi } from './support/test-api.ts'

const HOUR_MS = 3_600_000
const INVALID = { status: 404, body: { error: { code: 'INVITE_INVALID' } } }

describe('links with which users set their passwords', () => {
  let api: TestApi
  let admin: ApiClient
  let clock: TestClock
  beforeEach(async () => {
    clock = new TestClock()
    api = await TestApi.start({ clock })
    admin = new ApiClient(await api.admin())
    await admin.call('users.create', {
      body: { kind: 'user', version: 'v2', metadata: { name: 'joe' }, spec: { roles: ['access'] } },
    })
  })
  afterEach(async () => {
    admin[Symbol.dispose]()
    await api[Symbol.asyncDispose]()
  })

  const invite = (
    kind: 'invite' | 'reset' = 'invite',
    ttlMs?: number,
  ): Promise<ResponseOf<'users.invites.create'>> =>
    admin.call('users.invites.create', {
      params: { name: 'joe' },
      body: { kind, ...(ttlMs === undefined ? {} : { ttl_ms: ttlMs }) },
    })
  const describeLink = (token: string): Promise<StrangerAnswer> =>
    api.strangers.call('invites.describe', { token }, ADDRESS)
  const codeFor = async (token: string): Promise<string> => {
    const { body } = await describeLink(token)
    return codeAt((body as ResponseOf<'invites.describe'>).otp?.secret ?? '', clock.now())
  }
  const accept = async (
    token: string,
    fields: { otp?: string; password?: string } = {},
  ): Promise<StrangerAnswer> => {
    const otp = fields.otp ?? (await codeFor(token))
    return api.strangers.call(
      'invites.accept',
      { token, password: PASSWORD, ...fields, otp },
      ADDRESS,
    )
  }

  it('leads to the web address, and says until when', async () => {
    const link = await invite()
    expect(link.token).toMatch(/^[0-9a-f]{32}$/)
    expect(link.url).toBe(`https://proxy.example.com/web/invite/${link.token}`)
    expect(Date.parse(link.expires)).toBe(clock.now() + HOUR_MS)
  })

  it('tells whom it is for, with a code secret that an app can read', async () => {
    const { token } = await invite()
    const { status, body } = await describeLink(token)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      user: 'joe',
      kind: 'invite',
      second_factor: 'otp',
      min_password_length: 12,
    })
    const { otp } = body as ResponseOf<'invites.describe'>
    expect(otp?.uri).toMatch(/^otpauth:\/\/totp\/api\.example\.com:joe\?/)
    expect(otp?.qr_svg).toMatch(/^<svg /)
    expect(await describeLink(token)).toMatchObject({ body: { user: 'joe', kind: 'invite' } })
  })

  it('shows another code secret at each look, of which the last one counts', async () => {
    const { token } = await invite()
    const seenBefore = await codeFor(token)
    const own = await codeFor(token)
    expect(own).not.toBe(seenBefore)
    const spied = await codeFor(token)
    for (const otp of [seenBefore, own]) {
      expect(await accept(token, { otp })).toMatchObject({
        status: 400,
        body: { error: { code: 'OTP_WRONG' } },
      })
    }
    expect(await accept(token, { otp: spied })).toMatchObject({ status: 200 })
  })

  it('takes no code of a secret that is replaced while the password is hashed', async () => {
    const { token } = await invite()
    const otp = await codeFor(token)
    const [accepted, shown] = await Promise.all([accept(token, { otp }), describeLink(token)])
    const secret = (shown.body as Partial<ResponseOf<'invites.describe'>>).otp?.secret
    // One of the two was first; a secret that was shown after all is the one that counts.
    if (secret === undefined) expect(accepted).toMatchObject({ status: 200 })
    else expect(accepted).toMatchObject({ body: { error: { code: 'OTP_WRONG' } } })
  })

  it('is shown to nobody when the audit log cannot be written', async () => {
    const { token } = await invite()
    api.spoolFails = true
    expect(await describeLink(token)).toMatchObject({ status: 503 })
    api.spoolFails = false
    expect(await describeLink(token)).toMatchObject({ status: 200 })
  })

  it('sets the password once', async () => {
    const { token } = await invite()
    const otp = await codeFor(token)
    expect(await accept(token)).toMatchObject({ status: 200, body: { user: 'joe' } })
    expect(await describeLink(token)).toMatchObject(INVALID)
    expect(await accept(token, { otp })).toMatchObject(INVALID)
  })

  it('lets one of two at the same moment win', async () => {
    const { token } = await invite()
    const otp = await codeFor(token)
    const both = await Promise.all([accept(token, { otp }), accept(token, { otp })])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 404])
  })

  it('is for an hour, or for as long as the administrator says, at most two days', async () => {
    await expect(invite('invite', 48 * HOUR_MS + 1)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    await expect(invite('reset', 24 * HOUR_MS + 1)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    await expect(invite('reset', 59_999)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(Date.parse((await invite('reset')).expires)).toBe(clock.now() + 8 * HOUR_MS)
    const { token } = await invite('invite', 2 * HOUR_MS)
    clock.advance(2 * HOUR_MS - 1)
    expect(await describeLink(token)).toMatchObject({ status: 200 })
    clock.advance(1)
    expect(await describeLink(token)).toMatchObject(INVALID)
    expect(await accept(token, { otp: '000000' })).toMatchObject(INVALID)
  })

  it('ends the earlier one', async () => {
    const first = await invite()
    const second = await invite()
    expect(await describeLink(first.token)).toMatchObject(INVALID)
    expect(await accept(first.token, { otp: '000000' })).toMatchObject(INVALID)
    expect(await accept(second.token)).toMatchObject({ status: 200 })
  })

  it('leaves nothing behind when it was replaced, used, or its user was deleted', async () => {
    const stored = async (): Promise<string[]> =>
      (await api.backend.list('')).items
        .map(({ key }) => key.split('/')[0] ?? '')
        .filter((kind) => kind === 'invites' || kind === 'credentials')
        .sort()
    await invite()
    const { token } = await invite()
    expect(await stored()).toEqual(['credentials', 'invites'])
    await accept(token)
    expect(await stored()).toEqual(['credentials'])
    await invite('reset')
    await admin.call('users.delete', { params: { name: 'joe' } })
    expect(await stored()).toEqual([])
  })

  it('of a reset ends password and second factor at once, and brings new ones', async () => {
    await accept((await invite()).token)
    const status = async (): Promise<unknown> =>
      (await admin.call('users.read', { params: { name: 'joe' } })).status
    expect(await status()).toMatchObject({ password_set: true })
    const { token, path } = await invite('reset')
    expect(path).toBe(`/web/reset/${token}`)
    expect(await status()).toMatchObject({ password_set: false })
    expect(await describeLink(token)).toMatchObject({ body: { kind: 'reset' } })
    expect(await accept(token)).toMatchObject({ status: 200 })
    expect(await status()).toMatchObject({ password_set: true })
  })

  it.each([
    ['short', /fewer than 12/],
    ['password1234', /first that are tried/],
    ['joe likes violet kettles', /user name/],
    ['1234567890123', /one pattern/],
  ])('takes no password like %s, says why, and stays good', async (password, words) => {
    const { token } = await invite()
    const answer = await accept(token, { password })
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'PASSWORD_WEAK' } } })
    expect(answer.body).toMatchObject({ error: { message: expect.stringMatching(words) } })
    expect(await accept(token)).toMatchObject({ status: 200 })
  })

  it('takes no wrong code, and stays good', async () => {
    const { token } = await invite()
    for (const otp of ['000000', 'abc']) {
      expect(await accept(token, { otp })).toMatchObject({
        status: 400,
        body: { error: { code: 'OTP_WRONG' } },
      })
    }
    expect(await accept(token)).toMatchObject({ status: 200 })
  })

  it('brings no code secret where the second factor is off', async () => {
    await using open = await TestApi.start({ clock, secondFactor: 'off' })
    await open.as('pat', ['access'])
    const { token } = await open.invite('pat')
    const described = await open.strangers.call('invites.describe', { token }, ADDRESS)
    expect(described).toMatchObject({ status: 200, body: { second_factor: 'off', otp: null } })
    expect(
      await open.strangers.call('invites.accept', { token, password: PASSWORD }, ADDRESS),
    ).toMatchObject({
      status: 200,
    })
  })

  it('has no address where the cluster has no web', async () => {
    await using bare = await TestApi.start({ clock, webUrl: null })
    await bare.as('pat', ['access'])
    expect((await bare.invite('pat')).url).toBeNull()
  })

  it('is made for users who exist, by whoever may change users', async () => {
    await expect(
      admin.call('users.invites.create', { params: { name: 'eve' }, body: { kind: 'invite' } }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' })
    using editor = new ApiClient(await api.as('ed', ['editor']))
    await editor.call('users.invites.create', { params: { name: 'joe' }, body: { kind: 'reset' } })
    using access = new ApiClient(await api.as('al', ['access', 'auditor']))
    await expect(
      access.call('users.invites.create', { params: { name: 'joe' }, body: { kind: 'reset' } }),
    ).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })

  it.each([
    [{}, 'body'],
    [{ token: 'x' }, 'token'],
    [{ token: '0'.repeat(32), extra: 1 }, 'body'],
    ['text', 'body'],
    [null, 'body'],
    [[], 'body'],
  ])('judges what it is given: %j', async (body, where) => {
    const answer = await api.strangers.call('invites.describe', body, ADDRESS)
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST' } } })
    expect(JSON.stringify(answer.body)).toContain(where)
  })

  it('answers alike for every link that is none, slowly after a while, and does not keep good ones away', async () => {
    const used = (await invite()).token
    await accept(used)
    const good = (await invite()).token
    const unknown = await describeLink('0'.repeat(32))
    expect(unknown).toMatchObject(INVALID)
    expect(await describeLink(used)).toEqual(unknown)
    for (let tries = 2; tries < 20; tries += 1) await describeLink('0'.repeat(32))
    const late = await describeLink('0'.repeat(32))
    expect(late).toMatchObject({ status: 429, retryAfterS: 30 })
    expect(await describeLink(good)).toMatchObject({ status: 200 })
  })

  it('is in the audit log: who made it, for whom, and what became of it', async () => {
    const { token } = await invite('invite', HOUR_MS)
    await accept(token)
    await describeLink(token)
    const told = api.events.map((event) => ({ ...event, uid: '', time: '' }))
    expect(told.filter(({ event }) => event === 'reset_password_token.create')).toMatchObject([
      {
        code: 'T6000I',
        user: '@admin',
        name: 'joe',
        kind: 'invite',
        ttl: '1h',
        outcome: 'started',
      },
      { outcome: 'done' },
    ])
    expect(told.filter(({ event }) => event === 'reset_password_token.read')).toMatchObject([
      { code: 'T6001I', user: '', name: 'joe', kind: 'invite', 'addr.remote': ADDRESS },
    ])
    expect(told.filter(({ event }) => event === 'user.password_change')).toMatchObject([
      { code: 'T1005I', user: 'joe', 'addr.remote': ADDRESS, second_factor: 'otp' },
      { outcome: 'done' },
    ])
    expect(told.at(-1)).toMatchObject({
      event: 'auth',
      user: '',
      error_code: 'INVITE_INVALID',
      path: '/v1/invites/describe',
    })
  })

  it('sets nothing when the audit log cannot be written', async () => {
    const { token } = await invite()
    const otp = await codeFor(token)
    api.spoolFails = true
    expect(await accept(token, { otp })).toMatchObject({ status: 503 })
    api.spoolFails = false
    expect(await accept(token, { otp })).toMatchObject({ status: 200 })
  })

  it('is worth nothing once its user was deleted, also while it is being used', async () => {
    const { token } = await invite()
    const otp = await codeFor(token)
    const [accepted] = await Promise.all([
      accept(token, { otp }),
      admin.call('users.delete', { params: { name: 'joe' } }),
    ])
    expect([200, 404]).toContain(accepted.status)
    await api.as('joe', ['access'])
    expect(await describeLink(token)).toMatchObject(INVALID)
    const { status } = await admin.call('users.read', { params: { name: 'joe' } })
    expect(status).toEqual({ password_set: false })
  })
})

describe('what a person typed, and what he was given', () => {
  it('is in no stored value and in no event', async () => {
    const clock = new TestClock()
    await using api = await TestApi.start({ clock })
    const joe = await signUp(api, clock, 'joe')
    const { token } = await api.invite('joe', 'invite')
    await api.strangers.call(
      'invites.accept',
      { token, password: 'short-Secret', otp: '135791' },
      ADDRESS,
    )
    await api.strangers.call('invites.describe', { token: 'f'.repeat(32) }, ADDRESS)
    const bare = await api.bare()
    const publicKey = await newPublicKey()
    const code = joe.code()
    for (const body of [
      { user: 'joe', password: PASSWORD, otp: code },
      { user: 'joe', password: 'wrong-Secret', otp: '246802' },
      { user: 'typed/Secret', password: PASSWORD, otp: code },
      { user: 'joe', password: `${'long-Secret'.repeat(100)}`, otp: '1' },
    ]) {
      await call(bare, endpoints['login.create'], { ...body, public_key: publicKey })
    }
    const stored = (await api.backend.list('')).items.map(({ key, value }) => `${key} ${value}`)
    const everything = [...stored, ...api.events.map((event) => JSON.stringify(event))].join('\n')
    expect(everything).toContain('$argon2id$')
    expect(everything).toContain('T1000W')
    for (const needle of [PASSWORD, 'Secret', token, 'f'.repeat(32), joe.secret]) {
      expect(everything).not.toContain(needle)
    }
    for (const typed of [code, '135791', '246802']) {
      // On its own: hashes hold any six digits now and then.
      expect(everything).not.toMatch(new RegExp(`(?<![w+/])${typed}(?![w+/])`))
    }
    // Not in another notation either.
    const secretBytes = Buffer.from(Secret.fromBase32(joe.secret).bytes)
    for (const form of ['hex', 'base64'] as const) {
      expect(everything).not.toContain(secretBytes.toString(form))
      expect(everything).not.toContain(Buffer.from(PASSWORD).toString(form))
    }
  })
})

describe('status of a user', () => {
  it('is read, may be written back, and is no wish', async () => {
    const clock = new TestClock()
    await using api = await TestApi.start({ clock })
    await signUp(api, clock, 'joe')
    using admin = new ApiClient(await api.admin())
    const params = { name: 'joe' }
    const read = await admin.call('users.read', { params })
    expect(read.status).toEqual({ password_set: true })
    const body = { ...read, status: { password_set: false, locked_until: 'whenever' } }
    await admin.call('users.upsert', { params, body })
    expect((await admin.call('users.read', { params })).status).toEqual({ password_set: true })
    expect((await api.backend.get('users/joe'))?.value).not.toContain('status')
    const { items } = await admin.call('users.list', {})
    expect(items.map(({ status }) => status)).toEqual([{ password_set: true }])
  })
})
