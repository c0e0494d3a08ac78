import { Option } from 'commander'

/** `--format` of every command that shows something. */
export const formatFlag = (): Option =>
  new Option('-f, --format <format>', 'text, json or yaml').default('text')

/** Comma-separated, or repeated. */
export const list = (text: string, before: readonly string[] | undefined): string[] => [
  ...(before ?? []),
  ...text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
]

/** Repeated, and taken as it is. */
export const collect = (value: string, before: readonly string[] | undefined): string[] => [
  ...(before ?? []),
  value,
]
