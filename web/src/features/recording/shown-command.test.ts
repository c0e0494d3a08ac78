import { expect, test } from 'vitest'
import { shownCommand } from './shown-command.ts'

test.each([
  [['ls', '-l', '/tmp'], 'ls -l /tmp'],
  [['sh', '-c', 'echo "a"\n'], 'sh -c "echo \\"a\\"\\n"'],
  [['echo', '\u202egnp.exe\u202c'], 'echo "\\u202egnp.exe\\u202c"'],
])('the command %j is shown as it is', (command, shown) => {
  expect(shownCommand(command)).toBe(shown)
})

test('a long command is cut', () => {
  expect(shownCommand(['a'.repeat(1000)])).toBe(`${'a'.repeat(400)}…`)
})
