import type { KeyObject } from 'node:crypto'
import { sign, verify } from 'node:crypto'
import type { TrustedAuthority } from './trust.ts'

/**
 * Words that an authority signs beside certificates. The prefix keeps them apart: no certificate's bytes begin with it, and
 * each use has a context of its own, so that nothing said in one place counts in another.
 */
const PREFIX = 'teleport statement v1\0'

/** Base64 of an ECDSA signature (P-256, SHA-256, DER). */
export function signStatement(key: KeyObject, context: string, text: string): string {
  return sign('sha256', bytesOf(context, text), key).toString('base64')
}

/** Whether one of these authorities, alive at that time, signed exactly this text for this context. Never throws. */
export function verifyStatement(
  authorities: readonly TrustedAuthority[],
  nowMs: number,
  statement: { readonly context: string; readonly text: string; readonly signature: string },
): boolean {
  const bytes = bytesOf(statement.context, statement.text)
  const signature = Buffer.from(statement.signature, 'base64')
  return authorities.some(
    ({ publicKey, notBeforeMs, notAfterMs }) =>
      nowMs >= notBeforeMs && nowMs <= notAfterMs && verify('sha256', bytes, publicKey, signature),
  )
}

function bytesOf(context: string, text: string): Buffer {
  if (context.includes('\0')) throw new TypeError('a context has no NUL')
  return Buffer.from(`${PREFIX}${context}\0${text}`, 'utf8')
}
