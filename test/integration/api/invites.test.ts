import { TOTP } from 'otpauth'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { InviteAnswer } from '../../../src/api/index.ts'
import { ApiClient } from '../../../src/client/index.ts'
import type { ResponseOf } from '../../../src/contract/index.ts'
import { TestApi } from './support/test-api.ts'

const PASSWORD = 'violet kettle on tuesday'
const ADDRESS = '192.0.2.7:4711'

let nowMs: number
const clock = { now: () => nowMs }

const codeOf = (uri: string): string => {
  const parsed = new TOTP({ secret: new URL(uri).searchParams.get('secret') ?? '' })
  return parsed.generate({ timestamp: nowMs })
}

describe('links with which users set their passwords', () => {
  let api: TestApi
  let admin: ApiClient
  beforeEach(async () => {
    nowMs = Date.now()
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
  const describeLink = (token: string): Promise<InviteAnswer> =>
    api.invites.describe({ token }, ADDRESS)
  const codeFor = async (token: string): Promise<string> => {
    const { body } = await describeLink(token)
    return codeOf((body as ResponseOf<'invites.describe'>).otp?.uri ?? '')
  }
  const accept = async (
    token: string,
    fields: { otp?: string; password?: string } = {},
  ): Promise<InviteAnswer> => {
    const otp = fields.otp ?? (await codeFor(token))
    return api.invites.accept({ token, password: PASSWORD, ...fields, otp }, ADDRESS)
  }
  const invalid = { status: 404, body: { error: { code: 'INVITE_INVALID' } } }

  it('leads to the web address, and says until when', async () => {
    const link = await invite()
    expect(link.token).toMatch(/^[0-9a-f]{32}$/)
    expect(link.url).toBe(`https://proxy.example.com/web/invite/${link.token}`)
    expect(Date.parse(link.expires)).toBe(nowMs + 60 * 60 * 1000)
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
    expect((await describeLink(token)).body).toEqual(body)
  })

  it('sets the password once', async () => {
    const { token } = await invite()
    const otp = await codeFor(token)
    expect(await accept(token)).toMatchObject({ status: 200, body: { user: 'joe' } })
    expect(await describeLink(token)).toMatchObject(invalid)
    expect(await accept(token, { otp })).toMatchObject(invalid)
  })

  it('lets one of two at the same moment win', async () => {
    const { token } = await invite()
    const otp = await codeFor(token)
    const both = await Promise.all([accept(token, { otp }), accept(token, { otp })])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 404])
  })
})
