import { inspect } from 'node:util'
import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { describe, expect, it } from 'vitest'
import { assertRecipient, decryptChunk, encryptChunk, isEncrypted, parseIdentities } from './age.ts'
import { openChunk, packChunk } from './chunk.ts'
import { NO_RECORD } from './running-hash.ts'

const chunk = packChunk(0, NO_RECORD, Buffer.from('the bytes of a record'))

describe('an encrypted chunk', () => {
  it('is opened by each of its recipients, and by nobody else', async () => {
    const [alice, bob, eve] = await Promise.all([1, 2, 3].map(() => generateX25519Identity()))
    const recipients = await Promise.all([alice, bob].map((one) => identityToRecipient(one ?? '')))
    const encrypted = await encryptChunk(chunk, recipients)
    expect(isEncrypted(encrypted)).toBe(true)
    for (const identity of [alice, bob]) {
      expect((await decryptChunk(encrypted, [eve ?? '', identity ?? ''])).equals(chunk)).toBe(true)
    }
    for (const identities of [[], [eve ?? ''], ['AGE-SECRET-KEY-1NONSENSE']]) {
      await expect(decryptChunk(encrypted, identities)).rejects.toMatchObject({
        code: 'RECORD_LOCKED',
      })
    }
  })

  it('is not opened by a secret key with a wrong character, and no error tells that key', async () => {
    const identity = await generateX25519Identity()
    const encrypted = await encryptChunk(chunk, [await identityToRecipient(identity)])
    const mistyped = [
      `${identity.slice(0, -1)}${identity.endsWith('Q') ? 'P' : 'Q'}`,
      identity.slice(0, 50),
      `${identity} `,
      identity.toLowerCase(),
    ]
    for (const wrong of mistyped) {
      const error: unknown = await decryptChunk(encrypted, [wrong]).catch((error: unknown) => error)
      expect(error).toMatchObject({ code: 'RECORD_LOCKED' })
      expect(inspect(error, { depth: null }).toUpperCase()).not.toContain(identity.slice(17, 40))
    }
  })

  it('may be for recipients whose keys a quantum computer does not break', async () => {
    const identity = await generateHybridIdentity()
    const encrypted = await encryptChunk(chunk, [await identityToRecipient(identity)])
    expect((await decryptChunk(encrypted, [identity])).equals(chunk)).toBe(true)
  })

  it('shows nothing of the record, its hash neither', async () => {
    const identity = await generateX25519Identity()
    const encrypted = await encryptChunk(chunk, [await identityToRecipient(identity)])
    expect(encrypted.includes(NO_RECORD)).toBe(false)
    expect(encrypted.includes('TKCH')).toBe(false)
  })

  it('is noticed when a byte of it was changed', async () => {
    const identity = await generateX25519Identity()
    const encrypted = await encryptChunk(chunk, [await identityToRecipient(identity)])
    encrypted[encrypted.length - 1] = (encrypted.at(-1) ?? 0) ^ 1
    await expect(decryptChunk(encrypted, [identity])).rejects.toMatchObject({
      code: 'RECORD_LOCKED',
    })
  })
})

it('a chunk that is not encrypted comes back as it is', async () => {
  const same = await decryptChunk(chunk, [])
  expect(openChunk(same, { index: 0, before: NO_RECORD }).toString()).toBe('the bytes of a record')
})

it.each([
  '',
  'age1',
  'ssh-ed25519 AAAA',
  'age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq',
])('"%s" is no recipient', (text) => {
  expect(() => assertRecipient(text)).toThrow(expect.objectContaining({ code: 'RECORD_LOCKED' }))
})

it('a file of identities is read as age-keygen writes it', () => {
  expect(parseIdentities('# created: now\n# public key: age1x\nAGE-SECRET-KEY-1A\n\n')).toEqual([
    'AGE-SECRET-KEY-1A',
  ])
})
