/**
 * client calls the management API for the command lines, over mutual TLS with the host CA that came with the identity.
 *
 * Trusts: the identity file, which is as good as the directory that it lies in. Refuses: a server whose certificate
 * the host CA did not sign for the expected name, and answers that are not the contract's.
 */
export { ADMIN_IDENTITY_FILE, type AdminIdentityFile, readAdminIdentity } from './admin-identity.ts'
export { ApiClient } from './api-client.ts'
export type { ApiConnection, ConnectionHints } from './api-connection.ts'
export { ApiCallError, ClientError, type ClientErrorCode } from './errors.ts'
export type { ApiTransport } from './https-transport.ts'
export {
  connectionOf,
  type FileIdentity,
  parseIdentityFile,
  readIdentityFile,
} from './identity-file.ts'
export { AUTH_PORT, PROXY_PORT, parseServerAddress, type ServerAddress } from './server-address.ts'
