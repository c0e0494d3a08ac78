import { KubeError } from './errors.ts'

/**
 * The query of a list, a watch or a log, as far as it decides what the request is. Kubernetes reads a flag as true
 * unless it is `0` or `false`, and of repeated keys the first
 * (apimachinery/pkg/runtime/conversion.go, `Convert_Slice_string_To_bool`).
 *
 * Throws KubeError AMBIGUOUS_QUERY for what API servers of different age read differently: a raw `;` (a separator for
 * Go before 1.17, an error since), a broken percent sign (Go drops the pair), and flags that contradict each other.
 */
export class RequestQuery {
  readonly #params: URLSearchParams

  constructor(query: string) {
    if (query.includes(';')) throw ambiguous('a ";" in it must be encoded')
    if (BROKEN_PERCENT.test(query)) throw ambiguous('it has a broken percent sign')
    // URLSearchParams takes off one "?", which would be part of the first key.
    this.#params = new URLSearchParams(`?${query}`)
  }

  flag(name: string): boolean {
    const values = this.#params.getAll(name).map(isTrue)
    const [first = false] = values
    if (values.includes(!first)) throw ambiguous(`${name} is given twice, true and false`)
    return first
  }

  /**
   * The one object that `fieldSelector=metadata.name=x` is about, as Kubernetes' RequestInfo has it; `''` when there is
   * none, and for selectors with escapes, which no name needs.
   */
  selectedName(): string {
    const selector = this.#params.get('fieldSelector')
    if (selector === null || selector.includes('\\')) return ''
    for (const term of selector.split(',')) {
      const name = NAME_TERM.exec(term)?.[1]
      if (name !== undefined) return isPathSegmentName(name) ? name : ''
    }
    return ''
  }
}

/** Whether the query can say something that `RequestQuery` would find; without it nothing needs to be parsed. */
export const mayDecide = (query: string): boolean => query !== '' && DECIDING.test(query)

/** The keys themselves, or anything that could be one of them in another spelling. */
const DECIDING = /watch|follow|fieldSelector|[%;]/
const BROKEN_PERCENT = /%(?![0-9a-fA-F]{2})/
const NAME_TERM = /^metadata\.name==?([^=].*)$/

const isTrue = (value: string): boolean => value !== '0' && value.toLowerCase() !== 'false'

/** `IsValidPathSegmentName` of apimachinery/pkg/api/validation/path. */
const isPathSegmentName = (name: string): boolean =>
  name !== '.' && name !== '..' && !name.includes('/') && !name.includes('%')

const ambiguous = (why: string): KubeError =>
  new KubeError('AMBIGUOUS_QUERY', `the query of the request is refused: ${why}`)
