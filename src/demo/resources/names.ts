import { type FieldProblem, invalidValue, required } from '../api-error.ts'
import { at, isObject, type JsonObject, objectAt, textAt } from '../json.ts'
import type { ResourceType } from './types.ts'

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const SERVICE = /^[a-z]([-a-z0-9]*[a-z0-9])?$/
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/
const LABEL_NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/

const MAX_LABEL = 63
const MAX_SUBDOMAIN = 253
const MAX_ANNOTATIONS_BYTES = 256 * 1024

export const isDnsLabel = (text: string): boolean => text.length <= MAX_LABEL && LABEL.test(text)
export const isDnsSubdomain = (text: string): boolean =>
  text.length <= MAX_SUBDOMAIN && SUBDOMAIN.test(text)

const SUBDOMAIN_WORDS =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const LABEL_WORDS =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const SERVICE_WORDS =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
const VALUE_WORDS =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
const KEY_WORDS =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

/** Whether a name is one that its kind may have; the problem in Kubernetes' words, or null. */
function nameProblem(rule: NonNullable<ResourceType['nameRule']>, name: string): string | null {
  switch (rule) {
    case 'label':
      if (name.length > MAX_LABEL) return 'must be no more than 63 characters'
      return LABEL.test(name) ? null : LABEL_WORDS
    case 'service':
      if (name.length > MAX_LABEL) return 'must be no more than 63 characters'
      return SERVICE.test(name) ? null : SERVICE_WORDS
    case 'path':
      return name === '.' || name === '..' || /[/%]/.test(name)
        ? `may not contain '/' or '%', and may not be '.' or '..'`
        : null
    default:
      if (name.length > MAX_SUBDOMAIN) return 'must be no more than 253 characters'
      return SUBDOMAIN.test(name) ? null : SUBDOMAIN_WORDS
  }
}

/** What every object's metadata must be. */
export function validateMetadata(type: ResourceType, object: JsonObject): FieldProblem[] {
  const problems: FieldProblem[] = []
  const name = textAt(object, 'metadata', 'name')
  if (name === '') problems.push(required('metadata.name', 'name or generateName is required'))
  else {
    const why = nameProblem(type.nameRule ?? 'subdomain', name)
    if (why !== null) problems.push(invalidValue('metadata.name', name, why))
  }
  problems.push(...validateLabels(objectAt(object, 'metadata', 'labels'), 'metadata.labels'))
  const annotations = objectAt(object, 'metadata', 'annotations')
  for (const key of Object.keys(annotations)) {
    if (!isLabelKey(key)) problems.push(invalidValue('metadata.annotations', key, KEY_WORDS))
  }
  if (Buffer.byteLength(JSON.stringify(annotations)) > MAX_ANNOTATIONS_BYTES) {
    problems.push({
      reason: 'FieldValueInvalid',
      field: 'metadata.annotations',
      message: `Too long: may not be more than ${MAX_ANNOTATIONS_BYTES} bytes`,
    })
  }
  return problems
}

export function validateLabels(labels: JsonObject, field: string): FieldProblem[] {
  const problems: FieldProblem[] = []
  for (const [key, value] of Object.entries(labels)) {
    if (!isLabelKey(key)) problems.push(invalidValue(field, key, KEY_WORDS))
    if (typeof value !== 'string' || value.length > MAX_LABEL || !LABEL_VALUE.test(value)) {
      problems.push(invalidValue(field, value, VALUE_WORDS))
    }
  }
  return problems
}

function isLabelKey(key: string): boolean {
  const parts = key.split('/')
  const name = parts.at(-1) ?? ''
  if (parts.length > 2 || name.length > MAX_LABEL || !LABEL_NAME.test(name)) return false
  return parts.length === 1 || isDnsSubdomain(parts[0] ?? '')
}

/** Whether a selector selects something: an empty one would own every pod. */
export const isEmptySelector = (selector: JsonObject | undefined): boolean =>
  !isObject(selector) ||
  (Object.keys(objectAt(selector, 'matchLabels')).length === 0 &&
    (at(selector, 'matchExpressions') === undefined ||
      (Array.isArray(selector['matchExpressions']) && selector['matchExpressions'].length === 0)))
