/** `host:port`, with IPv6 in brackets: it is the only host with a colon in it. */
export const formatAddress = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
