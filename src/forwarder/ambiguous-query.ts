import type { Refusal } from './refusal.ts'

/**
 * Whether an API server may read another query than we do: Go passes over each pair with a `;` or a broken escape (net/url, parseQuery), where the
 * URL standard has its own reading. Who runs what where is judged and recorded by the query.
 */
export function isAmbiguousQuery(target: string): boolean {
  const from = target.indexOf('?')
  return from >= 0 && AMBIGUOUS.test(target.slice(from + 1))
}

const AMBIGUOUS = /;|%(?![0-9A-Fa-f]{2})/

export const ambiguousQuery: Refusal = {
  code: 'BAD_REQUEST',
  reason: 'BadRequest',
  message:
    'the query of this request has a ";" or a "%" that is not escaped, which servers read in different ways: write %3B and %25',
}
