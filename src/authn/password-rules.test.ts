import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commonPasswords } from './common-passwords.ts'
import { MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS } from './limits.ts'
import { judgePassword, passwordAdvice } from './password-rules.ts'

describe('judgePassword()', () => {
  it.each([
    'violet kettle on tuesday',
    'tr0ub4dor&3 jumps',
    'kqz8-vvn3-41pd',
    'Ünter den Linden 7b?',
    '三毛猫が屋根の上で寝ている朝の',
    '🦊🐢🌵🎈🧭🪁🥁🧊🪐🎏🧵🫖',
  ])('takes %s', (password) => {
    expect(judgePassword(password, 'joe')).toBeNull()
  })

  it.each([
    ['', 'too-short'],
    ['kqz8-vvn3-4', 'too-short'],
    // Composed or not: people see one character.
    ['e\u0301'.repeat(11), 'too-short'],
    ['x'.repeat(MAX_PASSWORD_CHARS + 1), 'too-long'],
    ['aaaaaaaaaaaaaaaa', 'too-simple'],
    ['abababababababab', 'too-simple'],
    ['abcdefghijklmnop', 'too-simple'],
    ['zyxwvutsrqponmlk', 'too-simple'],
    ['123456789012', 'too-simple'],
    ['0987654321098', 'too-simple'],
    ['1234-5678-9012-3456', 'too-simple'],
    ['QwertyUiopAsdf', 'too-simple'],
    ['1qaz2wsx3edc4rfv', 'too-simple'],
    ['abcdefabcdefabcdef', 'too-simple'],
    ['password1234', 'common'],
    ['Password2026!', 'common'],
    ['P@$$w0rd!!!!!', 'common'],
    ['!!!letmein!!!!', 'common'],
    ['welcomewelcome', 'common'],
    ['iloveyou-iloveyou', 'common'],
    ['p a s s w o r d 1', 'common'],
    ['kubernetes-2026', 'common'],
    ['Teleport12345', 'common'],
    ['correct horse battery staple', 'common'],
    ['dragonmaster99', 'common'],
    ['max1234567890', 'common'],
    ['!!p4$$w0rd2026!!', 'common'],
    ['Sommer2026München', 'common'],
    ['joe has a violet kettle', 'user-name'],
    ['violet kettle of JOE', 'user-name'],
  ])('refuses %j: %s', (password, problem) => {
    expect(judgePassword(password, 'joe')).toBe(problem)
  })

  it('looks for the part of a name before its @', () => {
    expect(judgePassword('violet kettle of alice', 'alice@example.com')).toBe('user-name')
  })

  it('lets a name of one or two letters be part of a word', () => {
    expect(judgePassword('violet kettle on tuesday', 'on')).toBeNull()
  })

  it('refuses every entry of its list, repeated to a sufficient length', () => {
    const entries = [...commonPasswords]
    expect(entries.length).toBeGreaterThan(1000)
    for (const entry of entries) {
      const long = entry.repeat(Math.ceil(MIN_PASSWORD_CHARS / entry.length))
      expect(judgePassword(long, 'joe'), long).not.toBeNull()
    }
  })

  it.each(['8374-9102-5873-max', 'max: 61 98 33 07 42'])(
    'takes digits of which nobody thinks: %s',
    (password) => {
      expect(judgePassword(password, 'joe')).toBeNull()
    },
  )

  it('never takes a password shorter than the limit, and has words for each problem', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (password, user) => {
        const problem = judgePassword(password, user)
        if ([...password.normalize('NFKC')].length < MIN_PASSWORD_CHARS) {
          expect(problem).toBe('too-short')
        }
        if (problem !== null) expect(passwordAdvice[problem]).not.toBe('')
      }),
    )
  })
})
