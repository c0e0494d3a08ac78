import { StorageError } from './errors.ts'
import { MAX_KEY_BYTES } from './limits.ts'

/** Throws StorageError KEY_INVALID unless the key is '/'-separated without empty segments or control characters. */
export function assertKey(key: string): void {
  const bad =
    key.length === 0 ||
    Buffer.byteLength(key) > MAX_KEY_BYTES ||
    key.split('/').includes('') ||
    /[\u0000-\u001f\u007f]/.test(key)
  if (bad) throw new StorageError('KEY_INVALID', `not a key: ${JSON.stringify(key.slice(0, 80))}`)
}

/** The half-open range of keys below a prefix: `roles` → `roles/` … `roles0`. The empty prefix holds every key. */
export function keyRange(prefix: string): { from: string; to: string | null } {
  if (prefix === '') return { from: '', to: null }
  assertKey(prefix)
  // '0' is the character after '/'.
  return { from: `${prefix}/`, to: `${prefix}0` }
}

/** By code point, as SQLite's BINARY collation orders UTF-8. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
