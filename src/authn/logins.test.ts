import { TOTP } from 'otpauth'
import { describe, expect, it } from 'vitest'
import { type Backend, openMemoryBackend } from '../storage/index.ts'
import { CredentialStore, type Credentials, noCredentials, otpPlace } from './credentials.ts'
import { AuthnError } from './errors.ts'
import { type LoginAttempt, Logins, withLogin } from './logins.ts'
import type { PasswordHasher } from './password-hasher.ts'
import type { SecretCipher } from './ports.ts'
import { newOtpSecret } from './totp.ts'

const joe: Credentials = { ...noCredentials('joe'), passwordHash: 'hash', lastOtpStep: 7 }

describe('withLogin()', () => {
  it('takes a later code, and remembers it', () => {
    const next = withLogin(joe, { passwordHash: 'hash', step: 8, nowMs: 99 })
    expect(next).toEqual({ ...joe, lastOtpStep: 8, lastLoginMs: 99 })
    expect(withLogin(next, { passwordHash: 'hash', step: 8, nowMs: 99 })).toBeNull()
  })

  it('asks for no code where there is none', () => {
    expect(withLogin(joe, { passwordHash: 'hash', step: null, nowMs: 99 })).toEqual({
      ...joe,
      lastLoginMs: 99,
    })
  })

  it.each([
    ['the same code again', joe, { passwordHash: 'hash', step: 7, nowMs: 0 }],
    ['an earlier code', joe, { passwordHash: 'hash', step: 6, nowMs: 0 }],
    ['a password that was replaced', joe, { passwordHash: 'before', step: 8, nowMs: 0 }],
    ['a user who has none', noCredentials('joe'), { passwordHash: null, step: 8, nowMs: 0 }],
    ['a user who was deleted', null, { passwordHash: 'hash', step: 8, nowMs: 0 }],
  ])('refuses %s', (_what, current, facts) => {
    expect(withLogin(current, facts)).toBeNull()
  })
})

const SECRET = newOtpSecret()
const clock = { nowMs: 1_800_000_000_000, now: (): number => clock.nowMs }
const codeAt = (ms: number): string => new TOTP({ secret: SECRET }).generate({ timestamp: ms })

/** Logins of `joe`, who has password and code, and `pat`, who has neither, with a record of every step that costs time. */
async function stage(secondFactor = true): Promise<{
  logins: Logins
  credentials: CredentialStore
  steps: string[]
  hasher: { busy: boolean }
}> {
  const steps: string[] = []
  const noted = <T extends object>(what: T, name: string): T =>
    new Proxy(what, {
      get(target, key) {
        const found = Reflect.get(target, key, target) as unknown
        if (typeof found !== 'function') return found
        return (...args: unknown[]) => {
          steps.push(`${name}.${String(key)}`)
          return Reflect.apply(found, target, args) as unknown
        }
      },
    })
  const state = { busy: false }
  const hasher: PasswordHasher = {
    hash: async (password) => `hash of ${password}`,
    matches: async (stored, password) => {
      if (state.busy) throw new AuthnError('HASHING_BUSY', 'busy')
      return stored === `hash of ${password}`
    },
  }
  const cipher: SecretCipher = {
    encrypt: (place, secret) => `${place} ${secret}`,
    decrypt: (place, sealed) => {
      if (!sealed.startsWith(`${place} `)) throw new Error('sealed for another place')
      return sealed.slice(place.length + 1)
    },
  }
  const backend: Backend = openMemoryBackend({ clock })
  const plain = new CredentialStore(backend)
  await plain.update('joe', () => ({
    ...noCredentials('joe'),
    passwordHash: 'hash of right',
    otpSealed: cipher.encrypt(otpPlace('joe'), SECRET),
  }))
  await plain.update('pat', () => noCredentials('pat'))
  const logins = new Logins({
    credentials: new CredentialStore(noted(backend, 'storage')),
    cipher: noted(cipher, 'cipher'),
    hasher: noted(hasher, 'hasher'),
    clock,
    secondFactor,
  })
  steps.length = 0
  return { logins, credentials: plain, steps, hasher: state }
}

const attempt = (fields: Partial<LoginAttempt> = {}): LoginAttempt => ({
  user: 'joe',
  password: 'right',
  otp: codeAt(clock.nowMs),
  host: '192.0.2.7',
  exists: true,
  ...fields,
})

describe('Logins', () => {
  it('takes the same steps whatever is wrong', async () => {
    const { logins, credentials, steps } = await stage()
    const ran = async (fields: Partial<LoginAttempt>): Promise<string[]> => {
      steps.length = 0
      expect(await logins.prove(attempt(fields))).toEqual({ kind: 'refused' })
      logins.unlock(fields.user ?? 'joe')
      return [...steps]
    }
    const unknown = await ran({ user: 'eve', exists: false })
    expect(unknown).toEqual(['storage.get', 'hasher.matches', 'cipher.decrypt'])
    expect(await ran({ password: 'wrong' })).toEqual(unknown)
    expect(await ran({ otp: '000000' })).toEqual(unknown)
    expect(await ran({ otp: null })).toEqual(unknown)
    expect(await ran({ exists: false })).toEqual(unknown)
    expect(await ran({ user: 'pat' })).toEqual(unknown)
    expect(await ran({ user: 'no/name at all' })).toEqual(unknown)
    await credentials.update('joe', (joe) => (joe === null ? null : { ...joe, lastOtpStep: 1e9 }))
    expect(await ran({})).toEqual(unknown)
  })

  it('counts a thousand at once as a thousand', async () => {
    const { logins, steps } = await stage()
    const outcomes = await Promise.all(
      Array.from({ length: 1000 }, (_, index) =>
        logins.prove(attempt({ password: 'wrong', host: `192.0.2.${index % 250}` })),
      ),
    )
    expect(outcomes.filter(({ kind }) => kind === 'refused')).toHaveLength(5)
    expect(steps.filter((step) => step === 'hasher.matches')).toHaveLength(5)
    expect(await logins.prove(attempt())).toEqual({ kind: 'throttled', waitMs: 30_000 })
    clock.nowMs += 30_000
    expect(await logins.prove(attempt())).toEqual({ kind: 'proven' })
    expect(logins.lockedUntilMs('joe')).toBeNull()
  })

  it('tells a stranger of a name nothing when its user logs in', async () => {
    const { logins } = await stage()
    const strangers = async (user: string): Promise<string[]> => {
      const kinds: string[] = []
      for (let tries = 0; tries < 6; tries += 1) {
        if (tries === 4 && user === 'joe') {
          expect(await logins.prove(attempt())).toEqual({ kind: 'proven' })
        }
        const wrong = { user, password: 'wrong', host: '198.51.100.7', exists: user === 'joe' }
        kinds.push((await logins.prove(attempt(wrong))).kind)
      }
      return kinds
    }
    expect(await strangers('joe')).toEqual(await strangers('eve'))
  })

  it('slows a network down over all its addresses, and leaves it alone when only one of them fails', async () => {
    const { logins } = await stage()
    const at = (index: number): string => `2001:db8:7:${index.toString(16)}::1`
    for (let tries = 0; tries < 500; tries += 1) {
      await logins.prove(attempt({ user: `one-${tries}`, exists: false, host: at(1) }))
      clock.nowMs += 3000
    }
    expect(await logins.prove(attempt({ host: at(2) }))).toEqual({ kind: 'proven' })
    let refused = 0
    for (let tries = 0; tries < 500; tries += 1) {
      const fields = { user: `all-${tries}`, exists: false, host: at(tries + 3) }
      if ((await logins.prove(attempt(fields))).kind === 'refused') refused += 1
    }
    expect(refused).toBeLessThanOrEqual(200)
    expect(await logins.prove(attempt({ host: at(999) }))).toMatchObject({ kind: 'throttled' })
    clock.nowMs += 30_000
    expect(await logins.prove(attempt({ host: '2001:db8:8::1' }))).toEqual({ kind: 'proven' })
  })

  it('lets one of many with the same code win', async () => {
    const { logins } = await stage()
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => logins.prove(attempt())))
    expect(outcomes.filter(({ kind }) => kind === 'proven')).toHaveLength(1)
  })

  it('does not hold it against anybody that the machine was busy', async () => {
    const { logins, hasher } = await stage()
    hasher.busy = true
    for (let tries = 0; tries < 30; tries += 1) {
      await expect(logins.prove(attempt())).rejects.toMatchObject({ code: 'HASHING_BUSY' })
    }
    hasher.busy = false
    expect(await logins.prove(attempt())).toEqual({ kind: 'proven' })
  })

  it('asks for no code when there is no second factor, and for one that is set up when there is', async () => {
    const off = await stage(false)
    expect(await off.logins.prove(attempt({ otp: null }))).toEqual({ kind: 'proven' })
    const on = await stage()
    await on.credentials.update('joe', (joe) => (joe === null ? null : { ...joe, otpSealed: null }))
    expect(await on.logins.prove(attempt({ otp: null }))).toEqual({ kind: 'refused' })
    expect(await on.logins.prove(attempt())).toEqual({ kind: 'refused' })
  })

  it('slows an address down over all names, and strangers with invented links too', async () => {
    const { logins } = await stage()
    for (let name = 0; name < 19; name += 1) {
      await logins.prove(attempt({ user: `user-${name}`, exists: false }))
    }
    expect(logins.countStray('192.0.2.7')).toBe(0)
    expect(logins.countStray('192.0.2.7')).toBeGreaterThan(0)
    expect(await logins.prove(attempt())).toMatchObject({ kind: 'throttled' })
    expect(await logins.prove(attempt({ host: '192.0.2.8' }))).toEqual({ kind: 'proven' })
  })
})
