import { publicKeyFromPem } from '../x509/index.ts'

/** Throws X509Error for what could not be certified: before anything is used up for it. */
export function assertPublicKey(pem: string): void {
  publicKeyFromPem(pem)
}
