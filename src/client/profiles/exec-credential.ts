/** What client-go's exec plugins print; the two versions differ in nothing else. */
export const execApiVersions = [
  'client.authentication.k8s.io/v1beta1',
  'client.authentication.k8s.io/v1',
] as const
export type ExecApiVersion = (typeof execApiVersions)[number]

/** A credential is not handed out in its last minute: it would end under way. */
export const LAST_MINUTE_MS = 60_000

/** Certificate and key as client-go takes them, in one line of JSON. `certificate` and `privateKey` are PEM. */
export function execCredential(
  apiVersion: ExecApiVersion,
  credential: {
    readonly certificate: string
    readonly privateKey: string
    readonly expiresAtMs: number
  },
): string {
  const until = new Date(credential.expiresAtMs - LAST_MINUTE_MS).toISOString()
  return JSON.stringify({
    kind: 'ExecCredential',
    apiVersion,
    status: {
      expirationTimestamp: until.replace(/\.\d+Z$/, 'Z'),
      clientCertificateData: credential.certificate,
      clientKeyData: credential.privateKey,
    },
  })
}
