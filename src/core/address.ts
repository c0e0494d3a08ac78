import { isIPv6 } from 'node:net'

/** `host:port`, with IPv6 in brackets. */
export const formatAddress = (host: string, port: number): string =>
  isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
