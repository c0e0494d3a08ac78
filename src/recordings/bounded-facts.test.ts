import fc from 'fast-check'
import { Value } from 'typebox/value'
import { describe, expect, it } from 'vitest'
import { factsOf } from '../../test/conformance/recordings/facts.ts'
import { RecordingFacts } from '../contract/recordings.ts'
import { RecordEncoder, type SessionFacts } from '../recording/index.ts'
import { boundedFacts, COMMAND_BYTES } from './bounded-facts.ts'
import { toldFacts } from './told-facts.ts'

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

  const TEXTS = ['user', 'namespace', 'pod', 'container', 'node', 'image', 'protocol'] as const
  const accepted = (facts: SessionFacts): boolean =>
    Value.Check(RecordingFacts, { ...toldFacts(facts), encrypted: false })

  it.each(TEXTS)('gives what the auth service takes, however long its %s is', (name) => {
    for (const letter of ['x', '\u0001', '\u{1f600}', '\ud83d']) {
      const facts = factsOf(1, { [name]: letter.repeat(5000) })
      expect(accepted(facts)).toBe(false)
      expect(accepted(boundedFacts(facts))).toBe(true)
    }
  })

  it('gives what the auth service takes, and what fits into a head, when all of it is as long as can be', () => {
    // Six bytes of JSON each, the most that a character takes.
    const long = '\u0001'.repeat(100_000)
    const facts = boundedFacts({
      ...factsOf(1, { roles: Array.from({ length: 300 }, () => long), command: [long, long] }),
      ...Object.fromEntries(TEXTS.map((name) => [name, long])),
    })
    expect(accepted(facts)).toBe(true)
    expect(facts.roles.length).toBeGreaterThan(10)
    new RecordEncoder().frame({ kind: 'begin', atMs: 0, facts })
  })

  it('leaves no half of a character', () => {
    const { container } = boundedFacts(factsOf(1, { container: '\u{1f600}'.repeat(200) }))
    expect(container).toBe(`${'\u{1f600}'.repeat(126)}\ufffd`)
  })

  it('keeps thousands of words', () => {
    const command = Array.from({ length: 60_000 }, () => '')
    expect(boundedFacts(factsOf(1, { command })).command.length).toBeGreaterThan(10_000)
  })
})
