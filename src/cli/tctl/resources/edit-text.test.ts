import { describe, expect, it } from 'vitest'
import type { RoleResource } from '../../../contract/index.ts'
import { judgeEdit, textOf, withProblem } from './edit-text.ts'

const role: RoleResource = {
  kind: 'role',
  version: 'v7',
  metadata: { name: 'developer', revision: '12' },
  spec: { allow: { kubernetes_groups: ['dev'] } },
}

const TEXT = `#: role "developer": save and close the editor to write it.
#: Nothing is written when nothing was changed, or when nothing is left.
kind: role
version: v7
metadata:
  name: developer
  revision: "12"
spec:
  allow:
    kubernetes_groups:
      - dev
`

describe('textOf()', () => {
  it('is YAML with what to know above it', () => {
    expect(textOf(role)).toBe(TEXT)
  })
})

describe('judgeEdit()', () => {
  const edited = (from: string | RegExp, to: string): string => TEXT.replace(from, to)

  it('sees that nothing was changed, comments and form apart', () => {
    expect(judgeEdit(role, TEXT)).toEqual({ type: 'unchanged' })
    expect(judgeEdit(role, `# mine\n${edited('      - dev', '      [ "dev" ]')}`)).toEqual({
      type: 'unchanged',
    })
  })

  it.each(['', '\n\n', '#: role\n# nothing\n   \n'])('takes %j for giving up', (text) => {
    expect(judgeEdit(role, text)).toEqual({ type: 'empty' })
  })

  it('gives what was changed, with the revision that was read', () => {
    const spec = { allow: { kubernetes_groups: ['ops'] } }
    const expected = { type: 'changed', resource: { ...role, spec } }
    expect(judgeEdit(role, edited('- dev', '- ops'))).toEqual(expected)
    const without = edited('- dev', '- ops').replace('  revision: "12"\n', '')
    expect(judgeEdit(role, without)).toEqual(expected)
    expect(judgeEdit(role, edited('- dev', '- ops').replace('"12"', '"99"'))).toEqual(expected)
  })

  it('leaves it to the auth service what a role may hold', () => {
    expect(judgeEdit(role, edited('spec:', 'unheard_of: 1\nspec:'))).toMatchObject({
      type: 'changed',
      resource: { unheard_of: 1 },
    })
  })

  it.each([
    ['broken YAML', edited('  allow:', '  allow: ['), /the text, document 1/],
    ['another name', edited('name: developer', 'name: other'), /must stay role and "developer"/],
    ['another kind', edited('kind: role', 'kind: user'), /must stay role and "developer"/],
    ['an unknown kind', edited('kind: role', 'kind: rule'), /kind "rule" is not known/],
    ['no kind', edited('kind: role\n', ''), /a resource has kind/],
    ['two resources', `${TEXT}---\n${TEXT}`, /more than one resource/],
    ['a number', '7\n', /a resource has kind/],
  ])('refuses %s', (_what, text, problem) => {
    expect(judgeEdit(role, text)).toEqual({
      type: 'invalid',
      problem: expect.stringMatching(problem) as string,
    })
  })
})

describe('withProblem()', () => {
  it('puts what is wrong above the text, instead of what stood there', () => {
    const first = withProblem(TEXT, 'spec: bad\nat line 3')
    expect(first).toBe(
      [
        '#: spec: bad',
        '#: at line 3',
        '#: Mend it, or close the editor without a change to give up.',
        ...TEXT.split('\n').slice(2),
      ].join('\n'),
    )
    expect(withProblem(first, 'worse')).toBe(['#: worse', ...first.split('\n').slice(2)].join('\n'))
  })

  it('keeps a person’s own comments, and lets no escape sequence through', () => {
    const text = withProblem(`# mine\n${TEXT}`, 'a\u001b[31mb')
    expect(text).toContain('\n# mine\n')
    expect(text).not.toContain('\u001b')
  })

  it('can be judged again', () => {
    expect(judgeEdit(role, withProblem(TEXT, 'bad: [thing'))).toEqual({ type: 'unchanged' })
  })
})
