import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSecretCipher } from './secret-cipher.ts'

const key = randomBytes(32)
const cipher = createSecretCipher(key)
const unreadable = (why: string): unknown =>
  expect.objectContaining({
    code: 'SECRET_UNREADABLE',
    message: `the secret at authorities/user cannot be read: ${why}`,
  })
const decrypt = (sealed: string) => (): string => cipher.decrypt('authorities/user', sealed)

describe('createSecretCipher', () => {
  it('gives back what it sealed, and never seals twice alike', () => {
    const some = cipher.encrypt('authorities/user', 'secret')
    const other = cipher.encrypt('authorities/user', 'secret')
    expect(some).not.toBe(other)
    expect(decrypt(some)()).toBe('secret')
    expect(decrypt(other)()).toBe('secret')
  })

  it('any text, at any place', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ unit: 'grapheme' }), (place, secret) => {
        expect(cipher.decrypt(place, cipher.encrypt(place, secret))).toBe(secret)
      }),
    )
  })

  it('shows nothing of the secret and nothing of the key', () => {
    const sealed = cipher.encrypt('x', 'secret'.repeat(10))
    const body = Buffer.from(sealed.split(':')[2] ?? '', 'base64')
    expect(body.includes('secret')).toBe(false)
    expect(sealed).not.toContain(key.toString('hex').slice(0, 8))
  })

  it('says that another key is needed', () => {
    const sealed = createSecretCipher(randomBytes(32)).encrypt('authorities/user', 'secret')
    expect(decrypt(sealed)).toThrow(unreadable('it was encrypted with another secret key'))
  })

  it('refuses a secret that was moved to another place', () => {
    const sealed = cipher.encrypt('authorities/host', 'secret')
    expect(decrypt(sealed)).toThrow(unreadable('it was altered'))
  })

  it('refuses each changed bit', () => {
    const sealed = cipher.encrypt('authorities/user', 'secret')
    const [version = '', id = '', body = ''] = sealed.split(':')
    const bytes = Buffer.from(body, 'base64')
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const text = `${version}:${id}:${changed.toString('base64')}`
      expect(decrypt(text)).toThrow(unreadable('it was altered'))
    }
  })

  it('refuses each shortened one', () => {
    const [version = '', id = '', body = ''] = cipher.encrypt('authorities/user', 's').split(':')
    const bytes = Buffer.from(body, 'base64')
    for (let length = 0; length < bytes.length; length += 1) {
      const text = `${version}:${id}:${bytes.subarray(0, length).toString('base64')}`
      expect(decrypt(text)).toThrow(unreadable(length < 28 ? 'it is cut short' : 'it was altered'))
    }
  })

  it.each(['', 'secret', 'v2:0011223344556677:AAAA', '-----BEGIN PRIVATE KEY-----'])(
    'refuses what it never wrote: %j',
    (text) => {
      expect(decrypt(text)).toThrow(unreadable('it is not in a form that this version knows'))
    },
  )

  it.each([0, 16, 31, 33])('takes no key of %i bytes', (length) => {
    expect(() => createSecretCipher(Buffer.alloc(length))).toThrow(
      new TypeError('"key" must have 32 bytes'),
    )
  })
})
