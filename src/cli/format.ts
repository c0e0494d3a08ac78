import { stringify } from 'yaml'
import { CliError } from './errors.ts'

export const formats = ['text', 'json', 'yaml'] as const
export type Format = (typeof formats)[number]

/** Judges `--format`. */
export function parseFormat(text: string): Format {
  const found = formats.find((format) => format === text)
  if (found === undefined) {
    throw new CliError('USAGE', `--format=${text} is not one of ${formats.join(', ')}`)
  }
  return found
}

/** Text by `asText`, JSON indented, several values as YAML documents. */
export function render<T>(
  format: Format,
  values: readonly T[],
  asText: (values: readonly T[]) => string,
): string {
  switch (format) {
    case 'text':
      return asText(values)
    case 'json':
      return JSON.stringify(values, null, 2)
    case 'yaml':
      return values.map(toYaml).join('---\n').trimEnd()
  }
}

/** The same for what there is one of: its JSON is no list. */
export function renderOne<T>(format: Format, value: T, asText: (value: T) => string): string {
  return format === 'json'
    ? JSON.stringify(value, null, 2)
    : render(format, [value], () => asText(value))
}

/** One YAML document; strings that look like something else stay strings. */
export const toYaml = (value: unknown): string => stringify(value, { lineWidth: 0 })

/** Columns as wide as their widest cell; control characters cannot reach the terminal. */
export function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map(printable))
  const widths = headers.map((header, column) =>
    Math.max(header.length, ...clean.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(headers), line(widths.map((width) => '-'.repeat(width))), ...clean.map(line)].join(
    '\n',
  )
}

/** Text from elsewhere, safe to show: no escape sequences, no line breaks. */
export const printable = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd')

/** `a=1,b=2`, by name. */
export const labelsText = (labels: Readonly<Record<string, string>>): string =>
  Object.keys(labels)
    .sort()
    .map((name) => `${name}=${labels[name] ?? ''}`)
    .join(',')

/** How a Kubernetes cluster is, in one word or with what is wrong. Auth services of an earlier version say less. */
export function healthWords(status: {
  readonly online: boolean
  readonly health?: string
  readonly problem?: string | null
}): string {
  if (!status.online) return 'offline'
  const { health = 'online', problem = null } = status
  return problem === null ? health : `${health}: ${printable(problem)}`
}
