import { X509Certificate } from 'node:crypto'
import { spkiPin } from '../../x509/index.ts'
import { ClientError } from '../errors.ts'

/** Rotation has two at a time; more is no answer of ours. */
const MAX_AUTHORITIES = 16

/** One authority of a Teleport cluster's servers. */
export interface HostAuthority {
  readonly pem: string
  /** `sha256:…` over its public key, as `tctl status` shows it. */
  readonly pin: string
}

/** The authorities in a bundle of PEM certificates. Throws ClientError BAD_ANSWER unless each is one. */
export function hostAuthorities(bundle: string): readonly HostAuthority[] {
  const parts = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (parts.length === 0 || parts.length > MAX_AUTHORITIES) {
    throw new ClientError('BAD_ANSWER', 'the answer holds no authority of a Teleport cluster')
  }
  return parts.map((pem) => {
    try {
      return { pem: new X509Certificate(pem).toString(), pin: spkiPin(pem) }
    } catch (error) {
      throw new ClientError('BAD_ANSWER', 'the answer holds an authority that is none', {
        cause: error,
      })
    }
  })
}

export const pinsOf = (authorities: readonly HostAuthority[]): readonly string[] =>
  authorities.map(({ pin }) => pin)

/** The pins of a bundle. Throws as hostAuthorities. */
export const caPinsOf = (bundle: string): readonly string[] => pinsOf(hostAuthorities(bundle))

/** Reads `--ca-pin`, which may be given in any case. Throws ClientError CA_PIN_INVALID. */
export function parseCaPin(text: string): string {
  const pin = text.trim().toLowerCase()
  if (/^sha256:[0-9a-f]{64}$/.test(pin)) return pin
  throw new ClientError(
    'CA_PIN_INVALID',
    `${JSON.stringify(text.slice(0, 128))} is not a pin of an authority`,
    { hint: 'it looks like sha256:<64 hex digits>; "tctl status" shows it' },
  )
}

/** Whether each authority of one bundle is in the other, too; false for what is no bundle. */
export function authoritiesWithin(bundle: string, other: string): boolean {
  try {
    const pins = caPinsOf(other)
    return caPinsOf(bundle).every((pin) => pins.includes(pin))
  } catch {
    return false
  }
}
