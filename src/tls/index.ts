/**
 * tls ends the TLS of connections that somebody else accepted: the gateway, a listener of our own, a tunnel.
 *
 * Trusts: the TLS library for the proof of possession. Refuses: to judge a certificate, to take back a session, names without
 * a certificate of ours, handshakes that do not end in time, more connections of one address or person than a share.
 * Test: test/integration/forwarder/tls-door.test.ts; openssl as a client in test/e2e/hostile-tls.test.ts.
 */
export { type DoorLimits, defaultDoorLimits } from './limits.ts'
export {
  type ConnectionOrigin,
  createServerContext,
  createTlsDoor,
  type SecuredConnection,
  type ServerPair,
  type TlsDoor,
  type TlsDoorOptions,
} from './tls-door.ts'
