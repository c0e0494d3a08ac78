import { createHash } from 'node:crypto'

/** Below this suffix are names of ours; no resolver needs to know it, it only stands in ClientHellos and certificates. */
export const SERVER_NAME_SUFFIX = 'teleport.cluster.local'
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
/** 160 bits: nobody finds two names with one label, and the label stays far below DNS' 63 characters. */
const LABEL_BYTES = 20

/** The TLS server name of a Kubernetes cluster. Opaque: whoever watches the wire learns neither name. */
export function kubeServerName(teleportCluster: string, kubeCluster: string): string {
  return `k-${label('kube', teleportCluster, kubeCluster)}.${SERVER_NAME_SUFFIX}`
}

/** The TLS server name of the auth service of a Teleport cluster. */
export function authServerName(teleportCluster: string): string {
  return `a-${label('auth', teleportCluster)}.${SERVER_NAME_SUFFIX}`
}

/** The TLS server name of the proxies of a Teleport cluster, as agents know them that dial out: the same for all. */
export function proxyServerName(teleportCluster: string): string {
  return `p-${label('proxy', teleportCluster)}.${SERVER_NAME_SUFFIX}`
}

/**
 * The TLS server name of the auth service for whoever does not know yet of which Teleport cluster it is. Good for the question
 * alone: what comes next goes to `authServerName`.
 */
export const ANY_AUTH_SERVER_NAME = `auth.${SERVER_NAME_SUFFIX}`

/** Whether a name could be that of a Kubernetes cluster. */
export function isKubeServerName(name: string): boolean {
  return KUBE_NAME.test(name)
}

const KUBE_NAME = /^k-[a-z2-7]{32}\.teleport\.cluster\.local$/

/** A hash over length-prefixed parts, so that no two lists of parts are alike. */
function label(...parts: readonly string[]): string {
  const hash = createHash('sha256').update('teleport server name v1')
  for (const part of parts) {
    const bytes = Buffer.from(part, 'utf8')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    hash.update(length).update(bytes)
  }
  return base32(hash.digest().subarray(0, LABEL_BYTES))
}

/** RFC 4648, 6, in lower case; 20 bytes need no padding. */
function base32(bytes: Buffer): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += BASE32[(value >>> bits) & 31]
    }
    value &= (1 << bits) - 1
  }
  return text
}
