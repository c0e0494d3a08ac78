import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { endpoints } from '../../../src/contract/index.ts'
import { newPublicKey, PASSWORD, signUp, TestClock } from './support/people.ts'
import { call, TestApi } from './support/test-api.ts'

interface Answer {
  readonly status: number
  readonly body: unknown
}

describe('logging in', () => {
  let clock: TestClock
  let api: TestApi
  let joe: Awaited<ReturnType<typeof signUp>>
  let publicKey: string
  beforeEach(async () => {
    clock = new TestClock()
    api = await TestApi.start({ clock })
    joe = await signUp(api, clock, 'joe')
    publicKey = await newPublicKey()
  })
  afterEach(() => api[Symbol.asyncDispose]())

  const login = async (fields: object = {}): Promise<Answer> =>
    call(await api.bare(), endpoints['login.create'], {
      user: 'joe',
      password: PASSWORD,
      otp: joe.code(),
      public_key: publicKey,
      ...fields,
    })

  it('gives a certificate for password and code', async () => {
    const answer = await login()
    expect(answer).toMatchObject({
      status: 200,
      body: { user: 'joe', roles: ['access'], ttl_ms: 12 * 3_600_000 },
    })
  })
})
