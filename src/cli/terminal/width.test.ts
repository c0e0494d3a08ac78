import { describe, expect, it } from 'vitest'
import { displayWidth, truncate } from './width.ts'

describe('displayWidth()', () => {
  it.each([
    ['', 0],
    ['plain', 5],
    ['é', 1],
    ['e\u0301', 1],
    ['日本', 4],
    ['한글', 4],
    ['Ａ', 2],
    ['👩‍💻', 2],
    ['🇩🇪', 2],
    ['❤️', 2],
    ['a\u200bb', 2],
    ['▁█·…▾', 5],
  ])('of %j is %d', (text, width) => {
    expect(displayWidth(text)).toBe(width)
  })
})

describe('truncate()', () => {
  it.each([
    ['plain', 5, 'plain'],
    ['plain', 4, 'pla…'],
    ['plain', 1, '…'],
    ['plain', 0, ''],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['👩‍💻👩‍💻', 3, '👩‍💻…'],
  ])('%j in %d columns is %j', (text, width, expected) => {
    const cut = truncate(text, width)
    expect(cut).toBe(expected)
    expect(displayWidth(cut)).toBeLessThanOrEqual(width)
  })
})
