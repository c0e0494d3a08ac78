import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createSecretCipher } from '../../../src/ca/index.ts'
import { readAuthority } from '../../../src/ca/stored-authority.ts'
import type { OpensslAuthority, OpensslPki } from '../../support/openssl.ts'

/** The real authorities of a daemon, with their keys: what somebody has who has its whole data directory. */
export async function stolenAuthorities(
  dataDir: string,
  pki: OpensslPki,
): Promise<Readonly<Record<'user' | 'host', OpensslAuthority>>> {
  const secret = await readFile(join(dataDir, 'secret.key'), 'utf8')
  const cipher = createSecretCipher(Buffer.from(secret.trim(), 'base64'))
  const database = new DatabaseSync(join(dataDir, 'backend', 'teleport.db'), { readOnly: true })
  const steal = (kind: 'user' | 'host'): OpensslAuthority => {
    const key = `authorities/${kind}`
    const row = database.prepare('SELECT value FROM items WHERE key = ?').get(key)
    const { certificatePem, privateKey } = readAuthority(key, String(row?.['value']), cipher)
    const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    return {
      certificatePem,
      keyPem,
      certificateFile: pki.file(`${kind}.crt`, certificatePem),
      keyFile: pki.file(`${kind}.key`, keyPem),
    }
  }
  try {
    return { user: steal('user'), host: steal('host') }
  } finally {
    database.close()
  }
}
