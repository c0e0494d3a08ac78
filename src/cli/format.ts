import { Document, visit } from 'yaml'
import { escapeUnsafe, hasUnsafe, printable } from '../core/index.ts'
import { CliError } from './errors.ts'

export { printable }

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
      return toJson(values)
    case 'yaml':
      return values.map(toYaml).join('---\n').trimEnd()
  }
}

/** The same for what there is one of: its JSON is no list. */
export function renderOne<T>(format: Format, value: T, asText: (value: T) => string): string {
  return format === 'json' ? toJson(value) : render(format, [value], () => asText(value))
}

/** Indented, and safe to show: what is unsafe stands there as an escape. */
export const toJson = (value: unknown): string => escapeUnsafe(JSON.stringify(value, null, 2))

/** One YAML document; strings that look like something else stay strings, and what is unsafe to show is an escape. */
export function toYaml(value: unknown): string {
  const document = new Document(value)
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && hasUnsafe(node.value.replace(/[\n\t]/g, ''))) {
        node.type = 'QUOTE_DOUBLE'
      }
    },
  })
  return escapeUnsafe(document.toString({ lineWidth: 0 }))
}

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

/** `a=1,b=2`, by name. */
export const labelsText = (labels: Readonly<Record<string, string>>): string =>
  Object.keys(labels)
    .sort()
    .map((name) => `${name}=${labels[name] ?? ''}`)
    .join(',')

/** How a Kubernetes cluster is, in one word or with what is wrong, or why nobody serves it. Auth services of an earlier version say less. */
export function healthWords(status: {
  readonly online: boolean
  readonly health?: string
  readonly problem?: string | null
}): string {
  const { problem = null } = status
  const health = status.online ? (status.health ?? 'online') : 'offline'
  return problem === null ? health : `${health}: ${printable(problem)}`
}
