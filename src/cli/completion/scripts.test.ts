import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { completionScript, shells } from './scripts.ts'

/**
 * What bash would offer for a line that it has split already. The program is a function that prints what it was asked, and the
 * words that it is told.
 */
async function bash(words: readonly string[], told: readonly string[]): Promise<string[]> {
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
  const script = [
    `tool() { shift; printf '<%s>' "$@" >&2; echo >&2; printf '%s\\n' ${told.map(quoted).join(' ')}; }`,
    'complete() { :; }; compopt() { echo "OPT $*"; }',
    // Its own errors are hidden from who types; here they are what was asked.
    completionScript('tool', 'bash').replace('2>/dev/null)', ')'),
    `COMP_WORDS=(${words.map(quoted).join(' ')}); COMP_CWORD=${words.length - 1}`,
    '_tool; printf "%s\\n" "${COMPREPLY[@]}"',
  ].join('\n')
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script])
  return [...stderr.trim().split('\n'), ...stdout.trim().split('\n')]
}

describe('the script for bash', () => {
  it('offers the words, without what they are for', async () => {
    expect(await bash(['tool', 'kube', ''], ['ls\tlist', 'login\tlog in'])).toEqual([
      '<kube><>',
      'ls',
      'login',
    ])
  })

  it('quotes what a shell would take apart', async () => {
    expect(await bash(['tool', ''], ['a b$(rm)\tevil'])).toEqual(['<>', 'a\\ b\\$\\(rm\\)'])
  })

  it('puts together what bash split at = and :', async () => {
    expect(await bash(['tool', '--format', '=', 'j'], ['--format=json\t'])).toEqual([
      '<--format=j>',
      'json',
    ])
    expect(await bash(['tool', '--format', '='], ['--format=json\t'])).toEqual([
      '<--format=>',
      'json',
    ])
    expect(await bash(['tool', 'arn', ':', 'x'], ['arn:xyz\t'])).toEqual(['<arn:x>', 'xyz'])
  })

  it('puts no space behind a word that goes on', async () => {
    expect(await bash(['tool', 'edit', 'r'], ['role/\t'])).toEqual([
      '<edit><r>',
      'OPT -o nospace',
      'role/',
    ])
  })
})

describe('completionScript()', () => {
  it.each(shells)('of %s names the program and nothing of the template', (shell) => {
    const script = completionScript('tctl', shell)
    expect(script).toContain('tctl __complete')
    expect(script).not.toContain('PROGRAM')
  })
})

/** Whether a shell is on this machine. */
const has = (shell: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((path) => existsSync(join(path, shell)))
const optional = (shell: string): string => (has(shell) ? '' : ` (optional: no ${shell} here)`)

/** What a program would say, as a function of the shell. */
const WORDS = "printf 'ls\\tlist\\nrole/\\tgoes on\\n'"

it.skipIf(!has('fish'))(
  `fish offers the words, and what they are for${optional('fish')}`,
  async () => {
    const script = `function tool; ${WORDS}; end\n${completionScript('tool', 'fish')}\ncomplete -C 'tool '`
    const { stdout } = await promisify(execFile)('fish', ['-c', script])
    expect(stdout.trim().split('\n')).toEqual(['ls\tlist', 'role/\tgoes on'])
  },
)

it.skipIf(!has('zsh'))(`zsh takes the script for its completion${optional('zsh')}`, async () => {
  const script = `autoload -U compinit && compinit -u -D\n${completionScript('tool', 'zsh')}\nprint -r -- $_comps[tool]`
  const { stdout } = await promisify(execFile)('zsh', ['-f', '-c', script])
  expect(stdout.trim()).toBe('_tool')
})
