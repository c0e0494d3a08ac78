/**
 * client is the other end of the management API, for command lines: typed calls over TLS that ends in the auth service, the
 * login before there is a certificate, what is kept of it below `~/.tsh`, and the kubeconfigs that it enters.
 *
 * Trusts: identity files and profiles, which are as good as the directory that they lie in; an authority that was pinned, or
 * that a person confirmed. Refuses: a server whose certificate that authority did not sign for the expected name, however the
 * connection came about; answers that are not the contract's; to send a password before that is settled; to change what
 * others wrote in a kubeconfig.
 * Test: the trust decision and the edits are tables and properties; `test/integration/client` has a hostile proxy.
 */
export { ADMIN_IDENTITY_FILE, type AdminIdentityFile, readAdminIdentity } from './admin-identity.ts'
export { ApiClient } from './api-client.ts'
export type { ApiConnection, ConnectionHints } from './api-connection.ts'
export type { Dial } from './dialing-agent.ts'
export { ApiCallError, ClientError, type ClientErrorCode } from './errors.ts'
export type { ApiTransport } from './https-transport.ts'
export {
  connectionOf,
  type FileIdentity,
  parseIdentityFile,
  readIdentityFile,
} from './identity-file.ts'
export { KubeconfigEditError, type KubeconfigEditErrorCode } from './kubeconfig/errors.ts'
export {
  kubeconfigPaths,
  readKubeconfigs,
  updateKubeconfigs,
} from './kubeconfig/kubeconfig-files.ts'
export {
  assertDistinct,
  type ContextRequest,
  currentContextOf,
  defaultContextName,
  type KubeAccount,
  type KubeconfigFile,
  type LoginPlan,
  type LogoutPlan,
  planLogin,
  planLogout,
} from './kubeconfig/plan.ts'
export { kubeServerUrl } from './kubeconfig/server-url.ts'
export type { Mark, Value } from './kubeconfig/types.ts'
export { CLOCK_HINT, clockWords } from './login/clock-difference.ts'
export { caPinsOf, parseCaPin } from './login/host-ca.ts'
export {
  type Channel,
  type ChannelOptions,
  connectionTo,
  type KnownProxy,
  needsUpgrade,
  openChannel,
} from './login/open-channel.ts'
export { type Ping, pingProxy } from './login/ping.ts'
export { shellWord } from './profiles/credential-script.ts'
export { execApiVersions, execCredential, LAST_MINUTE_MS } from './profiles/exec-credential.ts'
export { type Access, type AccessibleCluster, accessOf, type Profile } from './profiles/profile.ts'
export { type ProfileKey, ProfileStore, type StoredProfile } from './profiles/profile-store.ts'
export { type ProxyAddress, parseProxyAddress } from './proxy-address.ts'
export { AUTH_PORT, PROXY_PORT, parseServerAddress, type ServerAddress } from './server-address.ts'
export { keepAlive } from './upgrade/keep-alive.ts'
export { type LocalProxy, openLocalProxy } from './upgrade/local-proxy.ts'
export { dialOf, upgradeDial } from './upgrade/upgrade-dial.ts'
export { type Upgrade, upgradeOf } from './upgrade/wanted.ts'
