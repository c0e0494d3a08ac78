import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CliError } from '../errors.ts'
import { queryMatches, searchMatches } from './matches.ts'
import { parseQuery } from './parse.ts'

const prod = { name: 'prod-eu', labels: { env: 'prod', team: 'a', 'x/y': 'say "hi"' } }
const holds = (query: string): boolean => queryMatches(parseQuery(query), prod)

describe('a query', () => {
  it.each([
    'labels["env"] == "prod"',
    "labels['env'] == 'prod'",
    'labels.env == "prod" && name != "x"',
    'name == "x" || labels["team"] == "a"',
    '!(name == "x")',
    '!!(name == "prod-eu")',
    '"prod" == labels.env',
    'resource.metadata.labels["env"] == "prod" && resource.metadata.name == "prod-eu"',
    'hasPrefix(name, "prod-") && hasSuffix(name, "-eu")',
    'contains(name, "d-e")',
    'equals(labels["env"], "prod")',
    'exists(labels["env"]) && !exists(labels["none"])',
    'labels["none"] == ""',
    'labels["x/y"] == "say \\"hi\\""',
    'search("EU", "team")',
    'name == "x" && name == "y" || name == "prod-eu"',
    '  name\n==\t"prod-eu"  ',
    '!exists(labels["constructor"]) && labels["toString"] == ""',
  ])('%s holds', (query) => {
    expect(holds(query)).toBe(true)
  })

  it.each([
    'labels["env"] == "Prod"',
    'name != "prod-eu"',
    'name == "x" && (name == "y" || name == "prod-eu")',
    '!(labels.env == "prod")',
    'search("eu", "us")',
  ])('%s does not', (query) => {
    expect(holds(query)).toBe(false)
  })

  it.each([
    ['', 'character 1: expected name, labels["…"], a text or a function, found the end'],
    ['name', 'character 5: a text stands where a comparison must'],
    ['name ==', 'character 8: expected name, labels["…"], a text or a function, found the end'],
    ['name == "x', 'character 9: a text that does not end'],
    ['name = "x"', 'character 6: what is "="?'],
    ['env == "x"', 'character 1: "env" is not known; there are name and labels["…"]'],
    ['labels["env" == "x"', 'character 14: expected ], found "=="'],
    ['labels[env] == "x"', 'character 8: expected the name of a label, in quotes, found "env"'],
    ['(name == "x"', 'character 13: expected ), found the end'],
    ['name == "x" name', 'character 13: expected &&, || or the end, found "name"'],
    ['(name == "x") == "y"', 'character 18: a comparison stands where a text must'],
    ['matches(name, "(a+)+")', 'character 1: there is no function "matches"'],
    ['contains(name)', 'character 1: contains takes 2 arguments'],
    ['search()', 'character 1: search takes at least one argument'],
    ['exists(name)', 'character 1: exists takes labels["…"]'],
    ['!'.repeat(100), 'nested too deeply'],
    ['x'.repeat(5000), 'longer than 4096 characters'],
  ])('%s is refused, and the place is named', (query, words) => {
    expect(() => parseQuery(query)).toThrow(
      expect.objectContaining({
        code: 'QUERY_INVALID',
        message: expect.stringContaining(words) as string,
      }),
    )
  })

  it('of any text is read or refused, and nothing else', () => {
    const words = fc.array(
      fc.constantFrom(
        'name',
        'labels',
        '[',
        ']',
        '(',
        ')',
        '"a"',
        '==',
        '!=',
        '&&',
        '||',
        '!',
        '.',
        ',',
        'search',
        ' ',
      ),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          words.map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            expect(typeof holds(text)).toBe('boolean')
          } catch (error) {
            expect(error).toBeInstanceOf(CliError)
          }
        },
      ),
    )
  })
})

it('a search looks at names and labels, whatever the case', () => {
  expect(searchMatches([], prod)).toBe(true)
  expect(searchMatches(['PROD', 'hi'], prod)).toBe(true)
  expect(searchMatches(['staging'], prod)).toBe(false)
})
