import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { createSecretCipher, openAuthorities } from '../src/ca/index.ts'
import { silentLogger, systemClock } from '../src/core/index.ts'
import { kubeServerName, proxyServerName } from '../src/protocol/index.ts'
import { openMemoryBackend } from '../src/storage/index.ts'
import type { ServerPair } from '../src/tls/index.ts'
import { generateKeyPair, publicKeyToPem } from '../src/x509/index.ts'

const TELEPORT_CLUSTER = 'scale.example.com'
const LIFE_MS = 3_600_000

/** What a gateway and its agents need; agents share a key, as their number would take minutes to make. */
export interface TunnelSetup {
  readonly teleportCluster: string
  readonly hostCaPem: string
  readonly proxy: ServerPair
  readonly agents: { readonly key: string; readonly certificates: readonly string[] }
}

export const kubeNameOf = (agent: number): string =>
  kubeServerName(TELEPORT_CLUSTER, `cluster-${agent}`)

export async function writeTunnelSetup(file: string, agents: number): Promise<void> {
  await using authorities = await openAuthorities({
    backend: openMemoryBackend({ clock: systemClock }),
    cipher: createSecretCipher(randomBytes(32)),
    clock: systemClock,
    clusterName: TELEPORT_CLUSTER,
    log: silentLogger,
  })
  const { privateKey, publicKey } = await generateKeyPair()
  const issue = async (hostId: string, service: 'kube' | 'proxy', name: string): Promise<string> =>
    (
      await authorities.issueHost({
        identity: { kind: 'host', teleportCluster: TELEPORT_CLUSTER, hostId, services: [service] },
        publicKeyPem: publicKeyToPem(publicKey),
        dnsNames: [name],
        ipAddresses: [],
        ttlMs: LIFE_MS,
      })
    ).certificatePem
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const certificates: string[] = []
  for (let agent = 0; agent < agents; agent += 1) {
    certificates.push(await issue(`agent-${agent}`, 'kube', kubeNameOf(agent)))
  }
  const setup: TunnelSetup = {
    teleportCluster: TELEPORT_CLUSTER,
    hostCaPem: authorities.hostCaPem,
    proxy: { key, certificate: await issue('proxy', 'proxy', proxyServerName(TELEPORT_CLUSTER)) },
    agents: { key, certificates },
  }
  await writeFile(file, JSON.stringify(setup), { mode: 0o600 })
}

export async function readTunnelSetup(file: string): Promise<TunnelSetup> {
  return JSON.parse(await readFile(file, 'utf8')) as TunnelSetup
}
