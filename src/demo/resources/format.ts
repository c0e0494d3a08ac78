import { isObject, type JsonObject, listAt, objectAt, textAt, textsAt } from '../json.ts'
import type { Column } from './types.ts'

const MINUTE = 60
const HOUR = 3600
const DAY = 24 * HOUR
const YEAR = 365 * DAY

/** How kubectl writes ages: two parts while they matter, `12s`, `3m5s`, `7h30m`, `2d4h`, `400d`, `3y20d`. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 2 * MINUTE) return `${seconds}s`
  if (seconds < 10 * MINUTE) return twoParts(seconds, MINUTE, 'm', 1, 's')
  if (seconds < 3 * HOUR) return `${Math.floor(seconds / MINUTE)}m`
  if (seconds < 8 * HOUR) return twoParts(seconds, HOUR, 'h', MINUTE, 'm')
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)}h`
  if (seconds < 8 * DAY) return twoParts(seconds, DAY, 'd', HOUR, 'h')
  if (seconds < 2 * YEAR) return `${Math.floor(seconds / DAY)}d`
  if (seconds < 8 * YEAR) return twoParts(seconds, YEAR, 'y', DAY, 'd')
  return `${Math.floor(seconds / YEAR)}y`
}

function twoParts(seconds: number, big: number, b: string, small: number, s: string): string {
  const rest = Math.floor((seconds % big) / small)
  return `${Math.floor(seconds / big)}${b}${rest === 0 ? '' : `${rest}${s}`}`
}

/** The age of a timestamp; `<unknown>` where there is none. */
export function ageOf(timestamp: string, nowMs: number): string {
  const at = Date.parse(timestamp)
  return Number.isNaN(at) ? '<unknown>' : humanDuration(nowMs - at)
}

export const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  cell: (object) => textAt(object, 'metadata', 'name'),
}

export const ageColumn: Column = {
  name: 'Age',
  type: 'string',
  cell: (object, nowMs) => ageOf(textAt(object, 'metadata', 'creationTimestamp'), nowMs),
}

export const NONE = '<none>'

/** `app=web,tier=front`, in the order of their keys. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  return pairs.length === 0 ? NONE : pairs.sort().join(',')
}

/** A `metav1.LabelSelector` as its query. */
export function selectorText(selector: JsonObject): string {
  const pairs = Object.entries(textsAt(selector, 'matchLabels')).map(
    ([key, value]) => `${key}=${value}`,
  )
  const terms = listAt(selector, 'matchExpressions').map((term) => {
    const key = textAt(term, 'key')
    const values = listAt(term, 'values').join(',')
    switch (textAt(term, 'operator')) {
      case 'In':
        return `${key} in (${values})`
      case 'NotIn':
        return `${key} notin (${values})`
      case 'Exists':
        return key
      default:
        return `!${key}`
    }
  })
  const all = [...pairs, ...terms].sort()
  return all.length === 0 ? NONE : all.join(',')
}

/** The wide columns of everything that makes pods. */
export const templateColumns: readonly Column[] = [
  {
    name: 'Containers',
    type: 'string',
    wide: true,
    cell: (object) =>
      containersOf(object)
        .map((container) => textAt(container, 'name'))
        .join(','),
  },
  {
    name: 'Images',
    type: 'string',
    wide: true,
    cell: (object) =>
      containersOf(object)
        .map((container) => textAt(container, 'image'))
        .join(','),
  },
  {
    name: 'Selector',
    type: 'string',
    wide: true,
    cell: (object) => selectorText(objectAt(object, 'spec', 'selector')),
  },
]

const containersOf = (object: JsonObject): readonly JsonObject[] =>
  listAt(object, 'spec', 'template', 'spec', 'containers').filter(isObject)
