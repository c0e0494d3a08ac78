/** The host of `ip:port`, with its brackets when it is IPv6: enough to tell addresses apart. */
export const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':'))
