import { join } from 'node:path'
import type { Authorities } from '../ca/index.ts'
import { errorMessage, type Logger } from '../core/index.ts'
import { writePrivateFile } from '../files/index.ts'
import { generateKeyPair, publicKeyToPem } from '../x509/index.ts'

/** Read by `tctl` (client/admin-identity.ts). */
const ADMIN_IDENTITY_FILE = 'admin-identity.json'
/** Short, since the file is renewed while the service runs: a stolen copy is worth a day. */
const TTL_MS = 24 * 60 * 60 * 1000
const RENEW_EVERY_MS = 60 * 60 * 1000

/**
 * Writes the local administrator's identity into the data directory, 0600, and renews it until disposed. Whoever can
 * read that directory has the database and the key anyway; this spares `tctl` opening them.
 */
export async function keepAdminIdentity(options: {
  readonly dataDir: string
  readonly authorities: Authorities
  readonly teleportCluster: string
  readonly hostId: string
  readonly address: { readonly host: string; readonly port: number }
  readonly serverName: string
  readonly log: Logger
}): Promise<Disposable> {
  const { dataDir, authorities, teleportCluster, hostId, address, serverName, log } = options
  const write = async (): Promise<void> => {
    const { privateKey, publicKey } = await generateKeyPair()
    const issued = await authorities.issueHost({
      identity: { kind: 'admin', teleportCluster, hostId },
      publicKeyPem: publicKeyToPem(publicKey),
      dnsNames: [],
      ipAddresses: [],
      ttlMs: TTL_MS,
    })
    const content = {
      version: 1,
      host: address.host,
      port: address.port,
      server_name: serverName,
      host_ca: authorities.hostCaPem,
      certificate: issued.certificatePem,
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
    await writePrivateFile(
      join(dataDir, ADMIN_IDENTITY_FILE),
      `${JSON.stringify(content, null, 2)}\n`,
    )
  }
  await write()
  const timer = setInterval(() => {
    write().catch((error: unknown) =>
      log.error({ error: errorMessage(error) }, 'cannot renew the administrator identity'),
    )
  }, RENEW_EVERY_MS)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
