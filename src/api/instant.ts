import { ApiError } from './errors.ts'

/** A time without a zone would mean one hour to who wrote it and another to this machine. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i

/** Milliseconds since the epoch. Throws BAD_REQUEST that names the field. */
export function instantOf(path: string, text: string): number {
  const ms = INSTANT.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(ms)) return ms
  throw new ApiError('BAD_REQUEST', `${path}: "${text}" is not a time like 2026-01-31T09:00:00Z`)
}
