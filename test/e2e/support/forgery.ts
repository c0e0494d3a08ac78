import {
  decodeIdentity,
  encodeIdentity,
  IDENTITY_OID,
  type UserIdentity,
} from '../../../src/identity/index.ts'
import { certificateFromPem, parseCertificate } from '../../../src/x509/index.ts'
import { type OpensslAuthority, OpensslPki } from '../../support/openssl.ts'
import { stolenAuthorities } from './authorities.ts'

export interface Forgery {
  readonly pki: OpensslPki
  readonly user: OpensslAuthority
  readonly host: OpensslAuthority
  readonly identity: UserIdentity
  /** A certificate that is right but for what the test changes. */
  issue(changed: {
    readonly issuer?: OpensslAuthority | null
    readonly notBeforeMs?: number
    readonly notAfterMs?: number
    readonly usage?: string | null
    readonly constraints?: string
    readonly identity?: object | null
  }): OpensslAuthority
}

/** Certificates like that of a person, signed with the real keys of a daemon, with one thing changed in each. */
export async function forgery(dataDir: string, certificatePem: string): Promise<Forgery> {
  const pki = new OpensslPki()
  const { user, host } = await stolenAuthorities(dataDir, pki)
  const own = parseCertificate(certificateFromPem(certificatePem))
  const identity = decodeIdentity(own.extension(IDENTITY_OID) ?? Buffer.alloc(0))
  if (identity.kind !== 'user') throw new Error('the person is none')
  return {
    pki,
    user,
    host,
    identity,
    issue(changed) {
      const named = changed.identity === undefined ? identity : changed.identity
      const usage = changed.usage === undefined ? 'clientAuth' : changed.usage
      const value =
        named === null ? null : Buffer.from(encodeIdentity(named as UserIdentity)).toString('hex')
      return pki.issue({
        issuer: changed.issuer === undefined ? user : changed.issuer,
        subject: `/CN=${identity.user}`,
        notBeforeMs: changed.notBeforeMs ?? Date.now() - 60_000,
        notAfterMs: changed.notAfterMs ?? Date.now() + 3_600_000,
        extensions: [
          `basicConstraints=critical,${changed.constraints ?? 'CA:FALSE'}`,
          ...(usage === null ? [] : [`extendedKeyUsage=${usage}`]),
          ...(value === null ? [] : [`${IDENTITY_OID}=DER:${value}`]),
        ],
      })
    },
  }
}
