import { networkInterfaces } from 'node:os'

/** An address of this machine that pods on it reach. */
export function addressForPods(): string {
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)
  if (found === undefined) throw new Error('this machine has no address but loopback')
  return found.address
}
