import { KubeError } from './errors.ts'

/**
 * Throws KubeError HEADER_UNSAFE unless the impersonation headers among `headers` are exactly `expected`, a user first.
 * Impersonation fails open: a request without it runs as ourselves. So what is about to be sent is looked at once more,
 * by another rule than the one that made it. Both are alternating names and values.
 */
export function assertImpersonation(headers: readonly string[], expected: readonly string[]): void {
  if (expected[0] !== 'Impersonate-User' || (expected[1] ?? '') === '') {
    throw new KubeError('HEADER_UNSAFE', 'the impersonated user is missing')
  }
  let seen = 0
  for (let index = 0; index < headers.length; index += 2) {
    if (!FAMILY.test(headers[index] ?? '')) continue
    if (headers[index] !== expected[seen] || headers[index + 1] !== expected[seen + 1]) {
      throw new KubeError('HEADER_UNSAFE', 'a foreign impersonation header survived')
    }
    seen += 2
  }
  if (seen !== expected.length) {
    throw new KubeError('HEADER_UNSAFE', 'an impersonation header is missing')
  }
}

/** Wider than the family itself: a name that begins like it has no other use. */
const FAMILY = /^[\s:]*impersonate/i
