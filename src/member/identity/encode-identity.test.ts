import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { encodeIdentity, IDENTITY_OID, type Identity } from '../../identity/index.ts'
import { generateKeyPair, issueCertificate } from '../../x509/index.ts'
import { decodeStored, encodeStored, identityOf } from './encode-identity.ts'
import type { StoredIdentity } from './types.ts'

const PLACE = '/data/member-identity.json'

async function parts(
  identity: Identity | null,
): Promise<Pick<StoredIdentity, 'certificatePem' | 'privateKeyPem' | 'hostCaPem' | 'labels'>> {
  const validity = { notBeforeMs: 1_700_000_000_000, notAfterMs: 1_800_000_000_000 }
  const plain = { usages: [], dnsNames: [], ipAddresses: [], extensions: [] }
  const authority = await generateKeyPair()
  const ca = await issueCertificate({
    template: { ...validity, ...plain, commonName: 'ca', isCa: true },
    publicKey: authority.publicKey,
    issuer: { selfSigningKey: authority.privateKey },
    serial: randomBytes(16),
  })
  const { privateKey, publicKey } = await generateKeyPair()
  const { pem } = await issueCertificate({
    template: {
      ...validity,
      ...plain,
      commonName: 'x',
      usages: ['clientAuth'],
      isCa: false,
      extensions:
        identity === null
          ? []
          : [{ oid: IDENTITY_OID, critical: false, value: encodeIdentity(identity) }],
    },
    publicKey,
    issuer: { certificatePem: ca.pem, privateKey: authority.privateKey },
    serial: randomBytes(16),
  })
  return {
    certificatePem: pem,
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    hostCaPem: ca.pem,
    labels: { env: 'prod' },
  }
}

const host: Identity = {
  kind: 'host',
  teleportCluster: 'example.com',
  hostId: 'h',
  services: ['kube'],
}

describe('a stored identity', () => {
  it('is the same after it was kept, and is who its certificate says', async () => {
    const identity = identityOf(await parts(host))
    expect(identity).toMatchObject({
      hostId: 'h',
      teleportCluster: 'example.com',
      services: ['kube'],
      labels: { env: 'prod' },
      issuedAtMs: 1_700_000_000_000,
      expiresAtMs: 1_800_000_000_000,
    })
    expect(decodeStored(encodeStored(identity), PLACE)).toEqual(identity)
  })

  it.each<[string, (kept: Record<string, unknown>, other: Record<string, unknown>) => unknown]>([
    ['no JSON', () => '{'],
    ['no object', () => 'null'],
    ['another version', (kept) => ({ ...kept, version: 2 })],
    ['no key', (kept) => ({ ...kept, private_key: '' })],
    ['a key that is none', (kept) => ({ ...kept, private_key: 'SECRET' })],
    ['the key of another', (kept, other) => ({ ...kept, private_key: other['private_key'] })],
    ['no certificate', (kept) => ({ ...kept, certificate: 'SECRET' })],
    ['no labels', (kept) => ({ ...kept, labels: null })],
  ])('with %s is refused, with its place and nothing of its content', async (_what, change) => {
    const fields = async (): Promise<Record<string, unknown>> =>
      JSON.parse(encodeStored(identityOf(await parts(host)))) as Record<string, unknown>
    const kept = await fields()
    const changed = change(kept, await fields())
    const text = typeof changed === 'string' ? changed : JSON.stringify(changed)
    let error: unknown = null
    try {
      decodeStored(text, PLACE)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code: 'MEMBER_IDENTITY_UNREADABLE' })
    expect(String(error)).toContain(PLACE)
    expect(String(error)).not.toContain('SECRET')
    expect(String(error)).not.toContain('PRIVATE KEY')
  })

  it.each<[string, Identity | null]>([
    ['nobody', null],
    ['an administrator', { kind: 'admin', teleportCluster: 'example.com', hostId: 'h' }],
  ])('of %s is refused', async (_who, identity) => {
    const made = await parts(identity)
    expect(() => identityOf(made)).toThrow('none of a service')
  })
})
