import { describe, expect, it } from 'vitest'
import { Screen } from './screen.ts'

const update = (body: string): string => `\u001b[?2026h${body}\u001b[?2026l`

describe('Screen', () => {
  it('draws everything once, and then what changed', () => {
    const screen = new Screen()
    expect(screen.update(['one', '', 'three'], 10)).toBe(
      update('\u001b[2J\u001b[1;1Hone\u001b[K\u001b[3;1Hthree\u001b[K'),
    )
    expect(screen.update(['one', 'two', 'three'], 10)).toBe(update('\u001b[2;1Htwo\u001b[K'))
    expect(screen.update(['one', 'two', 'three'], 10)).toBe('')
  })

  it('clears what is no longer there', () => {
    const screen = new Screen()
    screen.update(['one', 'two'], 10)
    expect(screen.update(['one'], 10)).toBe(update('\u001b[2;1H\u001b[K'))
  })

  it('does not clear behind a line that is full: the last character would go', () => {
    const screen = new Screen()
    expect(screen.update(['\u001b[31mfull\u001b[0m'], 4)).toBe(
      update('\u001b[2J\u001b[1;1H\u001b[31mfull\u001b[0m'),
    )
  })

  it('draws everything again when it was told to forget', () => {
    const screen = new Screen()
    screen.update(['one'], 10)
    screen.forget()
    expect(screen.update(['one'], 10)).toBe(update('\u001b[2J\u001b[1;1Hone\u001b[K'))
  })
})
