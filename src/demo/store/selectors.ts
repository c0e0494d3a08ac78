import { badRequest } from '../api-error.ts'

export type LabelTest = (labels: Readonly<Record<string, string>>) => boolean

const KEY = `(?:[A-Za-z0-9.-]+/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?`
const VALUE = `(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)?`
const EQUALS = new RegExp(`^(${KEY})\\s*(=|==|!=)\\s*(${VALUE})$`)
const SETS = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`)
const EXISTS = new RegExp(`^(!?)\\s*(${KEY})$`)
const COMPARES = new RegExp(`^(${KEY})\\s*([<>])\\s*(-?\\d+)$`)
const WHOLE_VALUE = new RegExp(`^${VALUE}$`)

/** A label selector as in a query: `app=web,tier in (a,b),!canary`. Throws ApiError BadRequest. */
export function parseLabelSelector(text: string): LabelTest {
  const tests = splitTerms(text).map(parseTerm)
  return (labels) => tests.every((test) => test(labels))
}

/** Splits at commas that are not in parentheses. */
function splitTerms(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '')
}

function parseTerm(term: string): LabelTest {
  const equals = EQUALS.exec(term)
  if (equals !== null) {
    const [, key = '', operator, value = ''] = equals
    return operator === '!='
      ? (labels) => own(labels, key) !== value
      : (labels) => own(labels, key) === value
  }
  const sets = SETS.exec(term)
  if (sets !== null) {
    const [, key = '', operator, list = ''] = sets
    const values = list.split(',').map((value) => value.trim())
    if (values.every((value) => WHOLE_VALUE.test(value))) {
      return setTest(key, operator === 'in', values)
    }
  }
  const exists = EXISTS.exec(term)
  if (exists !== null) {
    const [, not, key = ''] = exists
    return (labels) => (own(labels, key) === undefined) === (not === '!')
  }
  const compares = COMPARES.exec(term)
  if (compares !== null) {
    const [, key = '', operator, limit = ''] = compares
    return (labels) => {
      const value = Number(own(labels, key) ?? Number.NaN)
      return operator === '<' ? value < Number(limit) : value > Number(limit)
    }
  }
  throw badRequest(
    `unable to parse requirement: found ${JSON.stringify(term.slice(0, 64))}, expected a label selector`,
  )
}

function setTest(key: string, wanted: boolean, values: readonly string[]): LabelTest {
  return (labels) => {
    const value = own(labels, key)
    return (value !== undefined && values.includes(value)) === wanted
  }
}

const own = (labels: Readonly<Record<string, string>>, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined

/** A `metav1.LabelSelector`, as in a spec. */
export function matchesSelector(
  selector: {
    readonly matchLabels: Readonly<Record<string, string>>
    readonly matchExpressions: readonly {
      readonly key: string
      readonly operator: string
      readonly values: readonly string[]
    }[]
  },
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(selector.matchLabels).every(([key, value]) => own(labels, key) === value) &&
    selector.matchExpressions.every(({ key, operator, values }) => {
      switch (operator) {
        case 'In':
          return setTest(key, true, values)(labels)
        case 'NotIn':
          return setTest(key, false, values)(labels)
        case 'Exists':
          return own(labels, key) !== undefined
        case 'DoesNotExist':
          return own(labels, key) === undefined
        default:
          return false
      }
    })
  )
}

export interface FieldTerm {
  readonly field: string
  readonly equal: boolean
  readonly value: string
}

/** `metadata.name=web,status.phase!=Running`, with `\\`, `\,` and `\=` escaped. Throws ApiError BadRequest. */
export function parseFieldSelector(text: string): FieldTerm[] {
  if (text === '') return []
  return text
    .split(/(?<!\\),/)
    .filter((term) => term !== '')
    .map((term) => {
      const [, field, operator, value = ''] = /^([^=!]+)(==|=|!=)(.*)$/.exec(term) ?? []
      if (field === undefined) throw badRequest(`invalid selector: '${term.slice(0, 64)}'`)
      return { field, equal: operator !== '!=', value: value.replace(/\\([\\,=])/g, '$1') }
    })
}
