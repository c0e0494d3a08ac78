import { createSign } from 'node:crypto'
import { DerReader } from '../../src/x509/der-reader.ts'
import { derTag } from '../../src/x509/der-tags.ts'
import { der, derBitString, derOid, derSequence, derTrue } from '../../src/x509/der-writer.ts'

/** What openssl refuses to make: a copy of a certificate with other extensions, signed again. */
export function withExtensions(
  certificate: Uint8Array,
  extensions: readonly Uint8Array[],
  signerKeyPem: string | null = null,
): Buffer {
  const fields = new DerReader(certificate).enter(derTag.sequence)
  const tbs = fields.enter(derTag.sequence)
  const kept: Uint8Array[] = []
  while (!tbs.done && tbs.peek() !== derTag.extensions) kept.push(tbs.next().raw)
  const changed = derSequence(...kept, der(derTag.extensions, derSequence(...extensions)))
  const algorithm = fields.next().raw
  const signature =
    signerKeyPem === null
      ? fields.next().raw
      : derBitString(createSign('sha256').update(changed).sign(signerKeyPem))
  return derSequence(changed, algorithm, signature)
}

/** The extensions of a certificate, each as it stands there. */
export function extensionsOf(certificate: Uint8Array): Uint8Array[] {
  const tbs = new DerReader(certificate).enter(derTag.sequence).enter(derTag.sequence)
  while (tbs.peek() !== derTag.extensions) tbs.next()
  const list = tbs.enter(derTag.extensions).enter(derTag.sequence)
  const extensions: Uint8Array[] = []
  while (!list.done) extensions.push(list.next().raw)
  return extensions
}

export const extension = (oid: string, value: Uint8Array, critical = false): Buffer =>
  derSequence(derOid(oid), ...(critical ? [derTrue] : []), der(derTag.octetString, value))
