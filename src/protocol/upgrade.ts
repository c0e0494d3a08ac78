/**
 * Where TLS of ours does not pass, since something in front of the proxy ends TLS itself, it goes inside a WebSocket (RFC 6455)
 * to the web port: each binary message is a piece of the stream, and its beginning is the ClientHello that any other port of ours
 * would get.
 */
export const UPGRADE_PATH = '/webapi/connectionupgrade'
/** What both ends say that they mean by it (Sec-WebSocket-Protocol). */
export const UPGRADE_PROTOCOL = 'teleport-tls'
