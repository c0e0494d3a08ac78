import { TOTP } from 'otpauth'
import { expect } from 'vitest'
import type { ResponseOf } from '../../../../src/contract/index.ts'
import { generateKeyPair, publicKeyToPem } from '../../../../src/x509/index.ts'
import type { TestApi } from './test-api.ts'

/** A clock that a test sets. */
export class TestClock {
  ms = Date.now()
  now(): number {
    return this.ms
  }
  advance(ms: number): void {
    this.ms += ms
  }
}

export const PASSWORD = 'violet kettle on tuesday'
export const ADDRESS = '192.0.2.7:4711'

/** What an authenticator app shows for a secret. */
export const codeAt = (secret: string, ms: number): string =>
  new TOTP({ secret }).generate({ timestamp: ms })

/** A local user who can log in. */
export interface Person {
  readonly user: string
  /** What the app keeps; empty where there is no second factor. */
  readonly secret: string
  /** What the app shows now. */
  code(): string
}

/** A local user who used a link: his first, or one of `tctl users reset`. */
export async function signUp(
  api: TestApi,
  clock: TestClock,
  user: string,
  roles: string[] = ['access'],
  kind: 'invite' | 'reset' = 'invite',
): Promise<Person> {
  await api.as(user, roles)
  const link = await api.invite(user, kind)
  const described = (await api.strangers.call('invites.describe', { token: link.token }, ADDRESS))
    .body as ResponseOf<'invites.describe'>
  const secret = described.otp?.secret ?? ''
  const otp = secret === '' ? {} : { otp: codeAt(secret, clock.now()) }
  const body = { token: link.token, password: PASSWORD, ...otp }
  expect(await api.strangers.call('invites.accept', body, ADDRESS)).toMatchObject({ status: 200 })
  // The code of the link counts as used.
  clock.advance(30_000)
  return { user, secret, code: () => codeAt(secret, clock.now()) }
}

/** A new key's public half, as clients send it. */
export const newPublicKey = async (): Promise<string> =>
  publicKeyToPem((await generateKeyPair()).publicKey)
