import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expandTemplate, parseTemplate } from './template.ts'

const traits = {
  groups: ['a', 'b', 'a'],
  email: [
    'dave.smith@example.com',
    'nobody',
    '@x',
    'x@',
    'a@b@c',
    'Dave <dave@example.com>',
    ' d@x',
  ],
  kubernetes_groups: ['k'],
  'http://schemas/role': ['r'],
  odd: ['x\r\ny', '', ' blank', 'blank ', 'nul\u0000', '\ud800', 'fine one'],
}

describe('expandTemplate()', () => {
  it.each([
    ['plain', ['plain']],
    ['{single}', ['{single}']],
    ['{{external.groups}}', ['a', 'b']],
    ['{{ external.groups }}', ['a', 'b']],
    ['team-{{external.groups}}-x', ['team-a-x', 'team-b-x']],
    ['{{external["groups"]}}', ['a', 'b']],
    ['{{external["http://schemas/role"]}}', ['r']],
    ['{{internal.kubernetes_groups}}', ['k']],
    ['{{external.kubernetes_groups}}', ['k']],
    ['{{internal.kubernetes_users}}', []],
    ['{{external.missing}}', []],
    ['x{{external.missing}}', []],
    ['{{external.constructor}}', []],
    ['{{external.__proto__}}', []],
    ['{{email.local(external.email)}}', ['dave.smith']],
    ['{{email.local( external.email )}}@corp', ['dave.smith@corp']],
    ['{{regexp.replace(external.email, "^(.*)@example.com$", "$1")}}', ['dave.smith']],
    ['{{regexp.replace(external.groups, "a", "")}}', []],
    ['x-{{regexp.replace(external.groups, "^b$", "")}}', []],
    ['{{regexp.replace(external.groups, "^(a)$", "say \\"$1\\"")}}', ['say "a"']],
    ['{{regexp.replace(external.groups, "[\\w]", "w")}}', ['w']],
    ['{{regexp.replace(email.local(external.email), "^dave\\.(.*)$", "$1")}}', ['smith']],
    ['{{external.odd}}', ['fine one']],
  ])('expands %s', (text, expected) => {
    expect(expandTemplate(text, traits)).toEqual(expected)
  })

  it('does not expand what came out of a trait', () => {
    expect(
      expandTemplate('{{external.groups}}', { groups: ['{{external.other}}'], other: ['x'] }),
    ).toEqual(['{{external.other}}'])
  })

  it('gives nothing that a header would change, whatever the traits are', () => {
    const values = fc.array(fc.string({ unit: 'binary' }))
    fc.assert(
      fc.property(values, fc.constantFrom('{{external.x}}', 'a{{external.x}}b'), (x, text) => {
        for (const value of expandTemplate(text, { x })) {
          expect(value).not.toMatch(/[\u0000-\u001f\u007f]|^\s|\s$/u)
          expect(value).not.toBe('')
        }
      }),
    )
  })
})

describe('parseTemplate()', () => {
  it.each([
    ['{{external}}', 'is not a template'],
    ['{{}}', 'is not a template'],
    ['{{internal.unknown}}', 'internal.unknown is not known'],
    ['{{internal.constructor}}', 'is not known'],
    ['{{a.b}}', 'is not a template'],
    ['{{external.a}} {{external.b}}', 'is not a template'],
    ['{{external.a}', 'is not a template'],
    ['{{', 'is not a template'],
    ['}}', 'is not a template'],
    ['{{{external.a}}}', 'is not a template'],
    ['{{email.local()}}', 'is not a template'],
    ['{{email.local(external.a}}', 'is not a template'],
    ['{{email.domain(external.a)}}', 'is not a template'],
    ['{{regexp.replace(external.a, "(", "")}}', 'is not a regular expression'],
    ['{{regexp.replace(external.a, "(a)", "$2")}}', 'has no group "2"'],
    ['{{regexp.replace(external.a, "a")}}', 'is not a template'],
    ['{{regexp.replace("a", "b", "c")}}', 'is not a template'],
  ])('refuses %s', (text, words) => expect(() => parseTemplate(text)).toThrow(words))

  it('refuses or reads any text, and reads it in linear time', () => {
    const unit = fc.constantFrom(
      '{{',
      '}}',
      'external.',
      'a',
      '"',
      '(',
      ')',
      ',',
      '\\',
      'regexp.replace(',
      ' ',
    )
    fc.assert(
      fc.property(fc.string({ unit }), (text) => {
        try {
          expandTemplate(text, {})
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
    )
    const hostile = `{{regexp.replace(${', "a'.repeat(1300)}}}`
    expect(() => parseTemplate(hostile)).toThrow()
  })
})
