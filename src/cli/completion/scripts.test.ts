import { execFile } from 'node:child_process'
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
