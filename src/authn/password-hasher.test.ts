import { describe, expect, it } from 'vitest'
import { openPasswordHasher } from './password-hasher.ts'

const PASSWORD = 'violet kettle on tuesday'

describe('password hasher', async () => {
  const hasher = await openPasswordHasher()

  it('makes argon2id hashes of the strength that is asked for, each with a salt of its own', async () => {
    const [one, other] = [await hasher.hash(PASSWORD, 'a'), await hasher.hash(PASSWORD, 'a')]
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(other).not.toBe(one)
    expect(await hasher.matches(one, PASSWORD, 'a')).toBe(true)
    expect(await hasher.matches(one, `${PASSWORD} `, 'a')).toBe(false)
  })

  it('takes the same characters however they were composed', async () => {
    const stored = await hasher.hash('caf\u00e9 au lait ou th\u00e9', 'a')
    expect(await hasher.matches(stored, 'cafe\u0301 au lait ou the\u0301', 'a')).toBe(true)
  })

  it('matches nothing when there is nothing to match', async () => {
    expect(await hasher.matches(null, PASSWORD, 'a')).toBe(false)
    expect(await hasher.matches(null, '', 'a')).toBe(false)
  })
})
