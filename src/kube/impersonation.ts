import { headerToText } from './header-text.ts'
import type { RequestedImpersonation } from './types.ts'

const PREFIX = 'impersonate-'
const NONE: RequestedImpersonation = { users: [], groups: [], unsupported: [] }

/**
 * The impersonation that a client asks for (`kubectl --as`, `--as-group`), from alternating header names and values.
 * A value is taken whole: a comma is part of a name, as Kubernetes has it.
 */
export function parseImpersonation(rawHeaders: readonly string[]): RequestedImpersonation {
  let found: { users: string[]; groups: string[]; unsupported: string[] } | null = null
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = canonicalName(rawHeaders[index] ?? '')
    if (!name.startsWith(PREFIX)) continue
    found ??= { users: [], groups: [], unsupported: [] }
    const value = headerToText(rawHeaders[index + 1] ?? '')
    if (name === 'impersonate-user') {
      if (value !== '') found.users.push(value)
    } else if (name === 'impersonate-group') {
      if (value !== '') found.groups.push(value)
    } else {
      found.unsupported.push(name)
    }
  }
  return found ?? NONE
}

/** Lower case, and with `_` as `-`: some servers on the way take one for the other. */
export function canonicalName(name: string): string {
  const lower = name.toLowerCase()
  return lower.includes('_') ? lower.replaceAll('_', '-') : lower
}
