/** An identity travels in each TLS handshake; 48 KiB holds a thousand groups and stays below the 64 KiB that Go takes for one handshake message. */
export const MAX_IDENTITY_BYTES = 48 * 1024
/** Names go into certificates, URLs, log lines and headers. */
export const MAX_USER_NAME_CHARS = 128
