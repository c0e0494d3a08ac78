import { describe, expect, it } from 'vitest'
import { ID_PATTERN, RESOURCE_NAME_PATTERN } from '../contract/index.ts'
import { type Finding, validationWords } from './validation-words.ts'

const finding = (
  instancePath: string,
  keyword: string,
  params: Finding['params'] = {},
  message = '',
): Finding => ({ instancePath, keyword, params, message })

describe('validationWords()', () => {
  it.each<[string, readonly Finding[], string]>([
    [
      'names what may stand in a place',
      [
        ...['v3', 'v4', 'v5'].map((allowedValue) => finding('/version', 'const', { allowedValue })),
        finding('/version', 'anyOf', {}, 'must match a schema in anyOf'),
      ],
      'version must be one of "v3", "v4", "v5"',
    ],
    ['one value', [finding('/kind', 'const', { allowedValue: 'role' })], 'kind must be "role"'],
    [
      'an enumeration',
      [finding('/a', 'enum', { allowedValues: ['x', 'y'] })],
      'a must be one of "x", "y"',
    ],
    [
      'a field that is not known',
      [finding('/spec', 'additionalProperties', { additionalProperty: 'x' })],
      'spec.x is no field that is known here',
    ],
    [
      'a field that is missing',
      [finding('', 'required', { missingProperty: 'metadata' })],
      'metadata is missing',
    ],
    [
      'a name that is none',
      [
        finding(
          '/metadata/name',
          'pattern',
          { pattern: RESOURCE_NAME_PATTERN },
          'must match pattern "^[A-Z"',
        ),
      ],
      'metadata.name is no name: names are of letters, digits and . _ @ : + -, and begin with a letter, a digit or _',
    ],
    [
      'an id that is none',
      [finding('/name', 'pattern', { pattern: ID_PATTERN }, 'must match pattern "^[0-9"')],
      'name is no id like 2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11',
    ],
    [
      'another pattern',
      [finding('/pin', 'pattern', { pattern: '^x$' }, 'must match pattern "^x$"')],
      'pin must match pattern "^x$"',
    ],
    [
      'what is too long',
      [finding('/otp', 'maxLength', { limit: 16 }, 'must NOT have more than 16 characters')],
      'otp has more than 16 characters',
    ],
    ['what is empty', [finding('/a', 'minLength', { limit: 1 })], 'a is empty'],
    [
      'what is too short',
      [finding('/a', 'minLength', { limit: 6 })],
      'a has fewer than 6 characters',
    ],
    [
      'places in lists',
      [finding('/spec/rules/0/verbs', 'type', {}, 'must be array')],
      'spec.rules[0].verbs must be array',
    ],
    [
      'keys with slashes',
      [finding('/metadata/labels/a~1b~0', 'type', {}, 'must be string')],
      'metadata.labels.a/b~ must be string',
    ],
    [
      'alternatives that all fail',
      [
        finding('/x', 'type', {}, 'must be string'),
        finding('/x', 'type', {}, 'must be array'),
        finding('/x', 'anyOf', {}, 'must match a schema in anyOf'),
      ],
      'x must be string or must be array',
    ],
    [
      'what is wrong inside of alternatives, and not that none fits',
      [
        finding('/x/1', 'type', {}, 'must be string'),
        finding('/x', 'anyOf', {}, 'must match a schema in anyOf'),
      ],
      'x[1] must be string',
    ],
    ['no body', [finding('', 'type', {}, 'must be object')], 'the body must be object'],
  ])('tells %s', (_what, findings, expected) => {
    expect(validationWords(findings, 'body')).toBe(expected)
  })

  it('says where it looked when that is not the body', () => {
    const none = finding('', 'minProperties', {}, 'must have a property')
    expect(validationWords([none], 'querystring')).toBe('querystring must have a property')
  })

  it('stops after the first few', () => {
    const many = Array.from({ length: 8 }, (_, index) =>
      finding(`/a${index}`, 'type', {}, 'is bad'),
    )
    expect(validationWords(many, 'body')).toBe(
      'a0 is bad; a1 is bad; a2 is bad; a3 is bad; a4 is bad; and 3 more',
    )
  })
})
