import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { factsOf } from '../../test/conformance/recordings/facts.ts'
import { RecordEncoder } from '../recording/index.ts'
import { boundedFacts, COMMAND_BYTES } from './bounded-facts.ts'

describe('boundedFacts()', () => {
  it('leaves what sessions usually are as it is', () => {
    const facts = factsOf(1, { command: ['sh', '-c', 'x'.repeat(30_000)] })
    expect(boundedFacts(facts)).toEqual(facts)
  })

  it('cuts a command that is too long, and says so', () => {
    const { command } = boundedFacts(
      factsOf(1, { command: ['sh', '-c', 'x'.repeat(100_000), 'y'] }),
    )
    expect(command).toHaveLength(3)
    expect(command[2]).toMatch(/^x{1000,} \[cut: 2 words are not kept whole\]$/)
  })

  it('gives what fits into the head of a record, whatever a client sends', () => {
    const word = fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.nat({ max: 100_000 }).map((length) => '\u0001'.repeat(length)),
      fc.nat({ max: 100_000 }).map((length) => '\u{1f600}'.repeat(length)),
    )
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 20 }),
        fc.array(word, { maxLength: 5 }),
        word,
        (command, roles, image) => {
          const facts = boundedFacts(factsOf(1, { command, roles, image, protocol: image }))
          expect(Buffer.byteLength(JSON.stringify(facts.command))).toBeLessThan(COMMAND_BYTES + 200)
          new RecordEncoder().frame({ kind: 'begin', atMs: 0, facts })
        },
      ),
      { numRuns: 50 },
    )
  })

  it('keeps thousands of words', () => {
    const command = Array.from({ length: 60_000 }, () => '')
    expect(boundedFacts(factsOf(1, { command })).command.length).toBeGreaterThan(10_000)
  })
})
