import { expect } from 'vitest'
import { Running } from './process.ts'

/** Runs one line at a terminal, types each answer when its question is there, and resolves to the screen at the end. */
export async function typeAtTerminal(
  line: string,
  answers: readonly (readonly [string, string])[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<string> {
  await using terminal = new Running('script', ['-qefc', line, '/dev/null'], {
    cwd: options.cwd,
    env: { ...process.env, TERM: 'dumb', ...options.env },
  })
  let seen = 0
  for (const [question, answer] of answers) {
    await terminal.until(({ stdout }) => stdout.indexOf(question, seen) !== -1)
    seen = terminal.stdout.indexOf(question, seen) + question.length
    terminal.child.stdin?.write(`${answer}\r`)
  }
  await terminal.ended()
  expect(terminal.child.exitCode, `${line}\n${terminal.stdout}`).toBe(0)
  return terminal.stdout
}
