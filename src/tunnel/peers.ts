import type { HostIdentity, HostService, Identity } from '../identity/index.ts'
import { parseCertificate } from '../x509/index.ts'

/** What a judge says of a certificate at one time. */
export type PeerJudgement =
  | { readonly ok: true; readonly identity: Identity; readonly expiresAtMs: number }
  | { readonly ok: false; readonly code: string; readonly message: string }

/** A certificate that can be judged again and again, each time with today's authorities. */
export interface JudgedPeer {
  judge(nowMs: number): PeerJudgement
}

/** Judges certificates of services; the `ca` room has one. */
export interface PeerJudges {
  parse(der: Uint8Array | null): JudgedPeer
}

export type HostVerdict =
  | { readonly ok: true; readonly identity: HostIdentity }
  | { readonly ok: false; readonly code: string; readonly message: string }

/** Whether a certificate is, now, one of a host that runs a service. */
export function judgeHost(peer: JudgedPeer, service: HostService, nowMs: number): HostVerdict {
  const verdict = peer.judge(nowMs)
  if (!verdict.ok) return verdict
  const { identity } = verdict
  if (identity.kind !== 'host' || !identity.services.includes(service)) {
    return {
      ok: false,
      code: 'CERT_WRONG_KIND',
      message: `the certificate is not one of a host with the ${service} service`,
    }
  }
  return { ok: true, identity }
}

/** Whether a certificate names exactly this server. Throws X509Error for what is none. */
export const namesServer = (certificate: Uint8Array, serverName: string): boolean =>
  parseCertificate(certificate).x509.checkHost(serverName, {
    wildcards: false,
    subject: 'never',
  }) === serverName
