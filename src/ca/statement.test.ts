import { describe, expect, it } from 'vitest'
import { silentLogger } from '../core/index.ts'
import { openMemoryBackend } from '../storage/index.ts'
import { openAuthorities } from './authorities.ts'
import { createSecretCipher } from './secret-cipher.ts'
import { verifyStatement } from './statement.ts'

const NOW_MS = 1_800_000_000_000
const clock = { now: () => NOW_MS }

async function authorities(clusterName: string): ReturnType<typeof openAuthorities> {
  return openAuthorities({
    backend: openMemoryBackend({ clock }),
    cipher: createSecretCipher(Buffer.alloc(32, 1)),
    clock,
    clusterName,
    log: silentLogger,
  })
}

describe('statements of the host CA', () => {
  it('hold for the text, the context and the authority that they were signed with, and nothing else', async () => {
    await using one = await authorities('one')
    await using other = await authorities('other')
    const signature = one.signStatement('state', 'text')
    const judge = (
      fields: Partial<{ context: string; text: string; signature: string }>,
      cas = one.trust().hostCas,
      nowMs = NOW_MS,
    ): boolean =>
      verifyStatement(cas, nowMs, { context: 'state', text: 'text', signature, ...fields })
    expect(judge({})).toBe(true)
    expect(judge({ text: 'text ' })).toBe(false)
    expect(judge({ context: 'other' })).toBe(false)
    expect(judge({ signature: '' })).toBe(false)
    expect(judge({ signature: other.signStatement('state', 'text') })).toBe(false)
    expect(judge({}, other.trust().hostCas)).toBe(false)
    expect(judge({}, one.trust().userCas)).toBe(false)
    expect(judge({}, [])).toBe(false)
    expect(judge({}, one.trust().hostCas, NOW_MS + 20 * 365 * 24 * 3_600_000)).toBe(false)
  })

  it('keep context and text apart, wherever one ends and the other begins', async () => {
    await using one = await authorities('one')
    expect(() => one.signStatement('a\0b', 'c')).toThrow(TypeError)
    const signature = one.signStatement('a', 'b\0c')
    expect(
      verifyStatement(one.trust().hostCas, NOW_MS, { context: 'a', text: 'b\0c', signature }),
    ).toBe(true)
  })
})
