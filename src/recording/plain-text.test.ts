import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PlainText } from './plain-text.ts'

function plain(...pieces: readonly string[]): string {
  const text = new PlainText()
  return pieces.map((piece) => text.write(piece)).join('') + text.end()
}

describe('plain text', () => {
  it.each([
    ['text and tabs', 'a\tb\nc', 'a\tb\nc'],
    ['colours', '\u001b[1;31mred\u001b[0m', 'red'],
    ['a movement of the cursor', 'a\u001b[10;20Hb', 'ab'],
    ['a title', '\u001b]0;rm -rf\u0007text', 'text'],
    ['a title that ends with ST', '\u001b]2;evil\u001b\\text', 'text'],
    ['a write to the clipboard', '\u001b]52;c;cm0gLXJm\u0007text', 'text'],
    ['a link', '\u001b]8;;https://x\u001b\\here\u001b]8;;\u001b\\', 'here'],
    ['a question to the terminal', 'a\u001b[6n\u001b[c\u001bP+q544e\u001b\\b', 'ab'],
    ['a character set', '\u001b(0x\u001b(Bq', 'xq'],
    ['keypad modes', '\u001b=\u001b>a', 'a'],
    ['C1 controls', 'a\u009b31mb\u009d0;x\u009cc\u0090q\u009cd', 'abcd'],
    ['lines of a terminal', 'a\r\nb\r\n', 'a\nb\n'],
    ['a line that overwrites itself', '10%\r20%\r\n', '10%\n20%\n'],
    ['several carriage returns', 'a\r\r\nb', 'a\nb'],
    ['a bell and a backspace', 'a\u0007b\bc', 'abc'],
    ['a sequence that was broken off', 'a\u001b[31\u0018b\u001b]0;t\u001ac', 'abc'],
    ['a line feed within a sequence', '\u001b[3\n1ma', '\na'],
    ['text that is turned around', 'a\u202eb', 'a\ufffdb'],
    ['letters that no sequence has', '\u001b[тайна\u001bж\u001b(日', 'тайнаж日'],
    ['a sequence that a C1 control ends', '\u001b[\u009c4111 1111', '4111 1111'],
    ['a sequence amid which another begins', '\u001b[1\u009b31mred', 'red'],
    ['a title that a C1 control ends', '\u001b]0;t\u0085seen', 'seen'],
    ['a title beyond ASCII', '\u001b]0;тайна\u0007seen', 'seen'],
  ])('of %s', (_name, text, expected) => {
    expect(plain(text)).toBe(expected)
  })

  it('is the same however the text is cut, and has no controls', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 5 }),
      fc.constantFrom(
        '\u001b',
        '\u001b[',
        '\u001b]52;',
        '\u0007',
        '\r',
        '\n',
        '\u001bP',
        '\u001b\\',
        '\u009c',
        'abc',
      ),
    )
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const text = plain(...parts)
        expect(text).toBe(plain(parts.join('')))
        expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
      }),
    )
  })

  it('is not hidden by a sequence that does not end', () => {
    const hidden = `${'x'.repeat(5000)} evidence`
    expect(plain(`\u001b]0;${hidden}`)).toContain('evidence')
    expect(plain(`\u001b[${'1'.repeat(5000)} evidence`)).toContain('evidence')
  })
})
