/**
 * Where TLS of ours does not pass, since something in front of the proxy ends TLS itself, it goes inside a WebSocket (RFC 6455)
 * to the web port: each binary message is a piece of the stream, and its beginning is the ClientHello that any other port of ours
 * would get.
 */
export const UPGRADE_PATH = '/webapi/connectionupgrade'
/** Programs write a TLS record or some at a time; more in one message is nobody of ours, and is not kept until it is whole. */
export const MAX_UPGRADE_MESSAGE_BYTES: number = 128 * 1024
/** What both ends say that they mean by it (Sec-WebSocket-Protocol). */
export const UPGRADE_PROTOCOL = 'teleport-tls'
