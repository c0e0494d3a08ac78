import { createPublicKey, generateKeyPair as generate, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { X509Error } from './errors.ts'

/** An ECDSA P-256 key: what every Kubernetes client and TLS library of the last decade takes. */
export async function generateKeyPair(): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  return promisify(generate)('ec', { namedCurve: 'prime256v1' })
}

/** PEM (SEC 1), for what people's clients read: the one of Java (fabric8) takes any other form for an RSA key. */
export function privateKeyToPem(key: KeyObject): string {
  return key.export({ type: 'sec1', format: 'pem' }).toString()
}

/** PEM (SPKI). */
export function publicKeyToPem(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString()
}

/** Reads a PEM (SPKI) public key. Throws X509Error: X509_MALFORMED, or X509_KEY_UNSUITABLE unless it is P-256. */
export function publicKeyFromPem(pem: string): KeyObject {
  if (pem.includes('PRIVATE KEY')) {
    throw new X509Error('X509_KEY_UNSUITABLE', 'this is a private key: send the public one only')
  }
  let key: KeyObject
  try {
    key = createPublicKey({ key: pem, format: 'pem', type: 'spki' })
  } catch (cause) {
    throw new X509Error('X509_MALFORMED', 'not a public key in PEM (SPKI)', { cause })
  }
  const { asymmetricKeyType, asymmetricKeyDetails } = key
  if (asymmetricKeyType !== 'ec' || asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new X509Error('X509_KEY_UNSUITABLE', 'the public key must be ECDSA P-256')
  }
  return key
}
