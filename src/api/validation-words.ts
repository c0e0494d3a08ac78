import { ID_PATTERN, RESOURCE_NAME_PATTERN } from '../contract/index.ts'

/** One finding of the validator (ajv), as far as words need it. */
export interface Finding {
  readonly keyword: string
  /** `/spec/allow/rules/0`. */
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message?: string | undefined
}

/** Somebody who made more mistakes than this mends these first. */
const MAX_PROBLEMS = 5

/**
 * What is wrong with a request, for whoever wrote it: each place once, by the path that he knows from his YAML, and what may
 * stand there. `context` is where the validator looked: `body`, `querystring`, `params`.
 */
export function validationWords(findings: readonly Finding[], context: string): string {
  const places = new Map<string, Finding[]>()
  for (const finding of findings) {
    const path = placeOf(finding)
    places.set(path, [...(places.get(path) ?? []), finding])
  }
  const problems = [...places].flatMap(([path, all]) => {
    const telling = all.filter(({ keyword }) => !ALTERNATIVES.has(keyword))
    // Of a place with alternatives, what is wrong deeper inside says more than that none of them fits.
    const inside = [...places.keys()].some((other) => isInside(other, path))
    if (telling.length === 0 && inside) return []
    const where = path === '' ? (context === 'body' ? 'the body' : context) : path
    return [`${where} ${wordsOf(telling.length === 0 ? all : telling)}`]
  })
  const shown = problems.slice(0, MAX_PROBLEMS)
  const rest = problems.length - shown.length
  return rest > 0 ? `${shown.join('; ')}; and ${rest} more` : shown.join('; ')
}

const isInside = (path: string, outer: string): boolean =>
  path !== outer && (outer === '' || path.startsWith(`${outer}.`) || path.startsWith(`${outer}[`))

const ALTERNATIVES: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'if'])

/** `/spec/rules/0/verbs` as `spec.rules[0].verbs`, with the property that is missing or too many. */
function placeOf({ keyword, instancePath, params }: Finding): string {
  const property =
    keyword === 'required'
      ? params['missingProperty']
      : keyword === 'additionalProperties'
        ? params['additionalProperty']
        : null
  const parts = instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  return [...parts, ...(typeof property === 'string' ? [property] : [])]
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '')
}

/** What texts that fit to no pattern are not. */
const PATTERNS: ReadonlyMap<string, string> = new Map([
  [
    RESOURCE_NAME_PATTERN,
    'is no name: names are of letters, digits and . _ @ : + -, and begin with a letter, a digit or _',
  ],
  [ID_PATTERN, 'is no id like 2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11'],
])

function wordsOf(findings: readonly Finding[]): string {
  const allowed = findings.flatMap(({ keyword, params }) =>
    keyword === 'const'
      ? [params['allowedValue']]
      : keyword === 'enum' && Array.isArray(params['allowedValues'])
        ? (params['allowedValues'] as unknown[])
        : [],
  )
  if (findings.every(({ keyword }) => keyword === 'const' || keyword === 'enum')) {
    const values = allowed.map((value) => JSON.stringify(value))
    return values.length === 1
      ? `must be ${values[0] ?? ''}`
      : `must be one of ${values.join(', ')}`
  }
  const words = findings.map(({ keyword, params, message = 'is not valid' }) => {
    switch (keyword) {
      case 'required':
        return 'is missing'
      case 'additionalProperties':
        return 'is no field that is known here'
      case 'maxLength':
        return `has more than ${String(params['limit'])} characters`
      case 'minLength':
        return params['limit'] === 1
          ? 'is empty'
          : `has fewer than ${String(params['limit'])} characters`
      case 'pattern':
        return PATTERNS.get(String(params['pattern'])) ?? message
      default:
        return message
    }
  })
  return [...new Set(words)].join(' or ')
}
