import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, errorMessage } from '../core/index.ts'
import type { ApiConnection } from './api-connection.ts'
import { ClientError } from './errors.ts'

/** The file below the data directory in which the auth service keeps the local administrator's identity. */
export const ADMIN_IDENTITY_FILE = 'admin-identity.json'

/** What the file holds; the auth service writes it, 0600, and renews it while it runs. */
export interface AdminIdentityFile {
  readonly version: 1
  readonly host: string
  readonly port: number
  readonly server_name: string
  readonly host_ca: string
  readonly certificate: string
  readonly private_key: string
}

/** Reads the local administrator's identity. Rejects with ClientError, with the next step as its hint. */
export async function readAdminIdentity(dataDir: string): Promise<ApiConnection> {
  const path = join(dataDir, ADMIN_IDENTITY_FILE)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw unreadable(path, error)
  })
  try {
    const file = JSON.parse(text) as AdminIdentityFile
    if (file.version !== 1) throw new Error(`version ${String(file.version)} is not known`)
    return {
      host: file.host,
      port: file.port,
      serverName: file.server_name,
      hostCa: file.host_ca,
      certificate: file.certificate,
      privateKey: file.private_key,
    }
  } catch (error) {
    throw new ClientError('IDENTITY_UNREADABLE', `${path}: ${errorMessage(error)}`, {
      cause: error,
      hint: 'the auth service writes it anew when it starts',
    })
  }
}

function unreadable(path: string, error: unknown): ClientError {
  switch (errorCode(error)) {
    case 'ENOENT':
      return new ClientError('IDENTITY_MISSING', `there is no ${path}`, {
        cause: error,
        hint: 'run tctl on the machine of the auth service, after its first start; -c names its teleport.yaml when it is not /etc/teleport.yaml',
      })
    case 'EACCES':
      return new ClientError('IDENTITY_UNREADABLE', `${path} may not be read by this user`, {
        cause: error,
        hint: 'run tctl as the user who runs the auth service',
      })
    default:
      return new ClientError('IDENTITY_UNREADABLE', `${path}: ${errorMessage(error)}`, {
        cause: error,
      })
  }
}
