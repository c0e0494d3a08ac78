import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { generateKeyPair, privateKeyToPem, publicKeyFromPem, publicKeyToPem } from './keys.ts'

const pem = (key: ReturnType<typeof generateKeyPairSync>['publicKey']): string =>
  publicKeyToPem(key)

it('a private key says in its first line that it is one of a curve', async () => {
  const { privateKey } = await generateKeyPair()
  const text = privateKeyToPem(privateKey)
  expect(text).toMatch(/^-----BEGIN EC PRIVATE KEY-----\n/)
  expect(createPrivateKey(text).equals(privateKey)).toBe(true)
})

describe('publicKeyFromPem', () => {
  it('reads what publicKeyToPem writes', async () => {
    const { publicKey } = await generateKeyPair()
    expect(publicKeyFromPem(publicKeyToPem(publicKey)).equals(publicKey)).toBe(true)
  })

  it.each([
    ['nothing', '', 'X509_MALFORMED'],
    ['garbage', 'hello', 'X509_MALFORMED'],
    ['an empty body', '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n', 'X509_MALFORMED'],
    [
      'P-384',
      pem(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey),
      'X509_KEY_UNSUITABLE',
    ],
    [
      'RSA',
      pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey),
      'X509_KEY_UNSUITABLE',
    ],
    ['Ed25519', pem(generateKeyPairSync('ed25519').publicKey), 'X509_KEY_UNSUITABLE'],
    [
      'a private key',
      generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
        .privateKey.export({ type: 'pkcs8', format: 'pem' })
        .toString(),
      'X509_KEY_UNSUITABLE',
    ],
  ])('refuses %s', (_name, text, code) => {
    expect(() => publicKeyFromPem(text)).toThrow(expect.objectContaining({ code }))
  })

  it('does not repeat a private key in its words', () => {
    const secret = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString()
    expect(() => publicKeyFromPem(secret)).toThrow(
      expect.objectContaining({ message: 'this is a private key: send the public one only' }),
    )
  })
})
