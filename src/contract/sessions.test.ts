import { describe, expect, it } from 'vitest'
import { SESSION_COMMAND_CHARS, SESSION_COMMAND_WORDS, shortCommand } from './sessions.ts'

describe('shortCommand()', () => {
  const many = Array.from({ length: 100 }, (_, index) => `${index}`)
  const lengthOf = (words: readonly string[]): number => words.join('').length

  it('leaves a short command as it is', () => {
    expect(shortCommand(['sh', '-c', ''])).toEqual(['sh', '-c', ''])
    expect(shortCommand([])).toEqual([])
    expect(shortCommand(many.slice(0, SESSION_COMMAND_WORDS))).toHaveLength(SESSION_COMMAND_WORDS)
  })

  it('says by an ellipsis that something is missing', () => {
    expect(shortCommand(many)).toHaveLength(SESSION_COMMAND_WORDS)
    expect(shortCommand(many).at(-1)).toMatch(/…$/)
    const long = shortCommand(['sh', '-c', 'x'.repeat(10_000)])
    expect(lengthOf(long)).toBe(SESSION_COMMAND_CHARS)
    expect(long.at(-1)).toMatch(/^x+…$/)
  })

  it('cuts no character in halves', () => {
    const [word = ''] = shortCommand(['😀'.repeat(SESSION_COMMAND_CHARS)])
    expect(word.isWellFormed()).toBe(true)
  })

  it('is its own limit, also where a word ends exactly there', () => {
    const exact = 'x'.repeat(SESSION_COMMAND_CHARS)
    expect(shortCommand([exact])).toEqual([exact])
    expect(shortCommand([exact, 'y'])).toEqual([exact, '…'])
    expect(shortCommand(shortCommand([exact, 'y']))).toEqual([exact, '…'])
  })
})
