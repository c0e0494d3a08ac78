import { randomBytes, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OpensslPki } from '../../test/support/openssl.ts'
import { type Clock, type LogFields, type Logger, silentLogger } from '../core/index.ts'
import type { AdminIdentity, HostIdentity, UserIdentity } from '../identity/index.ts'
import { type Backend, openMemoryBackend } from '../storage/index.ts'
import { generateKeyPair, publicKeyToPem, spkiPin } from '../x509/index.ts'
import { type Authorities, openAuthorities } from './authorities.ts'
import { BACKDATE_MS, CA_LIFE_MS, MIN_TTL_MS } from './limits.ts'
import { createPeerParser } from './peer.ts'
import { createSecretCipher, type SecretCipher } from './secret-cipher.ts'

const NOW = Date.UTC(2026, 0, 31, 12, 0, 0)
const HOUR = 3_600_000
const YEAR = 8760 * HOUR
const clock: Clock = { now: () => NOW }
const cipher = createSecretCipher(randomBytes(32))

const user: UserIdentity = {
  kind: 'user',
  teleportCluster: 'example',
  user: 'alice',
  roles: ['access'],
  traits: { groups: ['dev'] },
  login: 'local',
  issuedAtMs: NOW,
  pinnedAddress: null,
}
const host: HostIdentity = {
  kind: 'host',
  teleportCluster: 'example',
  hostId: 'h-1',
  services: ['kube'],
}
const admin: AdminIdentity = { kind: 'admin', teleportCluster: 'example', hostId: 'h-1' }

const { publicKey } = await generateKeyPair()
const publicKeyPem = publicKeyToPem(publicKey)

const open = (
  backend: Backend,
  options: { cipher?: SecretCipher; log?: Logger } = {},
): Promise<Authorities> =>
  openAuthorities({
    backend,
    cipher: options.cipher ?? cipher,
    clock,
    clusterName: 'example',
    log: options.log ?? silentLogger,
  })

const issueUser = (authorities: Authorities, ttlMs = HOUR): Promise<string> =>
  authorities
    .issueUser({ identity: user, publicKeyPem, ttlMs })
    .then(({ certificatePem }) => certificatePem)

/** The value of an authority, as the storage has it. */
async function stored(backend: Backend, key: string): Promise<Record<string, unknown>> {
  const item = await backend.get(key)
  return JSON.parse(item?.value ?? 'null') as Record<string, unknown>
}

/** Waits for what a watch brings; the test's own time limit ends it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

const names = (kind: 'user' | 'host', authorities: Authorities): string[] =>
  authorities.trust()[`${kind}Cas`].map(({ certificate }) => certificate.fingerprint256)

describe('openAuthorities', () => {
  let pki: OpensslPki
  let backend: Backend
  let authorities: Authorities
  beforeAll(async () => {
    pki = new OpensslPki()
    backend = openMemoryBackend({ clock })
    authorities = await open(backend)
  })
  afterAll(async () => {
    await authorities[Symbol.asyncDispose]()
    await backend[Symbol.asyncDispose]()
    pki[Symbol.dispose]()
  })

  const userCaPem = (): string => authorities.trust().userCas[0]?.certificate.toString() ?? ''

  it('makes two authorities with keys and names of their own, for ten years', () => {
    const { userCas, hostCas } = authorities.trust()
    expect(userCas).toHaveLength(1)
    expect(hostCas).toHaveLength(1)
    const [userCa, hostCa] = [userCas[0]?.certificate, hostCas[0]?.certificate]
    expect(userCa?.subject).toBe('O=example\nCN=user CA of example')
    expect(hostCa?.subject).toBe('O=example\nCN=host CA of example')
    expect(userCa?.publicKey.equals(hostCa?.publicKey ?? publicKey)).toBe(false)
    expect(userCa?.validFromDate.getTime()).toBe(NOW - BACKDATE_MS)
    expect(userCa?.validToDate.getTime()).toBe(NOW + CA_LIFE_MS)
    expect(hostCa?.toString()).toBe(authorities.hostCaPem)
  })

  it('keeps them: opened again they are the same', async () => {
    await using again = await open(backend)
    expect(names('user', again)).toEqual(names('user', authorities))
    expect(names('host', again)).toEqual(names('host', authorities))
    expect(again.caPin).toBe(authorities.caPin)
  })

  it('when several servers start at once, all have the same', async () => {
    await using shared = openMemoryBackend({ clock })
    const all = await Promise.all(Array.from({ length: 8 }, () => open(shared)))
    expect(new Set(all.map(({ caPin }) => caPin)).size).toBe(1)
    expect(new Set(all.flatMap((each) => names('user', each))).size).toBe(1)
    await Promise.all(all.map((each) => each[Symbol.asyncDispose]()))
  })

  it('lets no private key lie open in storage', async () => {
    for (const key of ['authorities/user', 'authorities/host']) {
      const { sealed_key, certificate, version, ...rest } = await stored(backend, key)
      expect(rest).toEqual({})
      expect(version).toBe(1)
      expect(certificate).toMatch(/^-----BEGIN CERTIFICATE-----\n/)
      expect(sealed_key).toMatch(/^v1:[0-9a-f]{16}:[A-Za-z0-9+/]+=*$/)
      const body = Buffer.from(String(sealed_key).split(':')[2] ?? '', 'base64')
      expect(body.includes('PRIVATE')).toBe(false)
    }
  })

  it('pins the host CA by its public key, as openssl computes it', () => {
    const spki = pki.show(authorities.hostCaPem, '-pubkey').replace(/-----[A-Z ]+-----|\s/g, '')
    expect(authorities.caPin).toBe(`sha256:${pki.sha256(Buffer.from(spki, 'base64'))}`)
    expect(authorities.caPin).toBe(spkiPin(authorities.hostCaPem))
  })

  describe('issues', () => {
    it('a user certificate that openssl takes from a client and from nobody else', async () => {
      const leafPem = await issueUser(authorities)
      const judged = (purpose: 'sslclient' | 'sslserver', trustedPem: string): string =>
        pki.verify({ leafPem, trustedPem, purpose, atMs: NOW })
      expect(judged('sslclient', userCaPem())).toBe('OK')
      expect(judged('sslserver', userCaPem())).toMatch(/unsuitable certificate purpose/)
      expect(judged('sslclient', authorities.hostCaPem)).toMatch(/unable to get local issuer/)
      expect(pki.show(leafPem, '-subject', '-ext', 'extendedKeyUsage')).toBe(
        'subject=CN = alice\nX509v3 Extended Key Usage: \n    TLS Web Client Authentication\n',
      )
    })

    it('a host certificate for both ends, with its names', async () => {
      const { certificatePem } = await authorities.issueHost({
        identity: host,
        publicKeyPem,
        dnsNames: ['abc.teleport.cluster.local'],
        ipAddresses: ['127.0.0.1'],
        ttlMs: HOUR,
      })
      for (const purpose of ['sslclient', 'sslserver'] as const) {
        const { hostCaPem } = authorities
        expect(
          pki.verify({ leafPem: certificatePem, trustedPem: hostCaPem, purpose, atMs: NOW }),
        ).toBe('OK')
      }
      const x509 = new X509Certificate(certificatePem)
      expect(x509.checkHost('abc.teleport.cluster.local')).toBe('abc.teleport.cluster.local')
      expect(x509.checkHost('other.teleport.cluster.local')).toBeUndefined()
      expect(x509.checkIP('127.0.0.1')).toBe('127.0.0.1')
    })

    it('an administrator certificate that serves nobody', async () => {
      const { certificatePem } = await authorities.issueHost({
        identity: admin,
        publicKeyPem,
        dnsNames: [],
        ipAddresses: [],
        ttlMs: HOUR,
      })
      const trustedPem = authorities.hostCaPem
      const judged = (purpose: 'sslclient' | 'sslserver'): string =>
        pki.verify({ leafPem: certificatePem, trustedPem, purpose, atMs: NOW })
      expect(judged('sslclient')).toBe('OK')
      expect(judged('sslserver')).toMatch(/unsuitable certificate purpose/)
    })

    it('from a little before now to the end of its life', async () => {
      const issued = await authorities.issueUser({ identity: user, publicKeyPem, ttlMs: YEAR })
      expect(issued.expiresAtMs).toBe(NOW + YEAR)
      const shown = pki.show(
        issued.certificatePem,
        '-startdate',
        '-enddate',
        '-dateopt',
        'iso_8601',
      )
      expect(shown).toBe('notBefore=2026-01-31 11:55:00Z\nnotAfter=2027-01-31 12:00:00Z\n')
    })

    it('never the same serial twice, each with 128 random bits', async () => {
      const serials = new Set<string>()
      for (let count = 0; count < 50; count += 1) {
        const { serialNumber } = new X509Certificate(await issueUser(authorities))
        expect(serialNumber).toMatch(/^01[0-9A-F]{32}$/)
        serials.add(serialNumber)
      }
      expect(serials.size).toBe(50)
    })
  })

  describe('refuses', () => {
    it.each([
      ['no life', 0],
      ['a life below the least', MIN_TTL_MS - 1],
      ['a life that is no number', Number.NaN],
      ['a life without end', Number.POSITIVE_INFINITY],
      ['a negative life', -HOUR],
    ])('%s', async (_name, ttlMs) => {
      await expect(issueUser(authorities, ttlMs)).rejects.toThrow(
        expect.objectContaining({ code: 'CA_TTL_INVALID' }),
      )
    })

    it('a life beyond its own, and takes one that ends with it', async () => {
      await expect(issueUser(authorities, CA_LIFE_MS)).resolves.toMatch(/BEGIN CERTIFICATE/)
      await expect(issueUser(authorities, CA_LIFE_MS + 1000)).rejects.toThrow(
        expect.objectContaining({
          code: 'CA_TTL_INVALID',
          message:
            'the certificate would outlive its authority, which ends 2036-01-29T12:00:00.000Z',
        }),
      )
    })

    it('a private key where the public one belongs', async () => {
      const { privateKey } = await generateKeyPair()
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      const issued = authorities.issueUser({ identity: user, publicKeyPem: pem, ttlMs: HOUR })
      await expect(issued).rejects.toThrow(expect.objectContaining({ code: 'X509_KEY_UNSUITABLE' }))
    })

    it('a name that is none', async () => {
      const identity = { ...user, user: 'a\r\nb' }
      const issued = authorities.issueUser({ identity, publicKeyPem, ttlMs: HOUR })
      await expect(issued).rejects.toThrow(expect.objectContaining({ code: 'USER_NAME_INVALID' }))
    })

    it('a server name that is none', async () => {
      const issued = authorities.issueHost({
        identity: host,
        publicKeyPem,
        dnsNames: ['a b'],
        ipAddresses: [],
        ttlMs: HOUR,
      })
      await expect(issued).rejects.toThrow(
        expect.objectContaining({ code: 'X509_TEMPLATE_INVALID' }),
      )
    })
  })
})

describe('openAuthorities with what it cannot read', () => {
  async function withChange(
    change: (value: Record<string, unknown>) => unknown,
  ): Promise<Authorities> {
    const backend = openMemoryBackend({ clock })
    const before = await open(backend)
    await before[Symbol.asyncDispose]()
    const value = change(await stored(backend, 'authorities/user'))
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    await backend.put({ key: 'authorities/user', value: text })
    return open(backend)
  }
  const otherKey = async (): Promise<string> =>
    cipher.encrypt(
      'authorities/user',
      (await generateKeyPair()).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    )
  const leaf = async (): Promise<string> => {
    await using backend = openMemoryBackend({ clock })
    await using authorities = await open(backend)
    return await issueUser(authorities)
  }

  it.each<[string, (value: Record<string, unknown>) => unknown, string]>([
    ['no JSON', () => 'hello', 'CA_STORED_MALFORMED'],
    ['null', () => 'null', 'CA_STORED_MALFORMED'],
    ['a later version', (value) => ({ ...value, version: 2 }), 'CA_STORED_MALFORMED'],
    ['no key', (value) => ({ ...value, sealed_key: undefined }), 'CA_STORED_MALFORMED'],
    ['no certificate', (value) => ({ ...value, certificate: 7 }), 'CA_STORED_MALFORMED'],
    ['a torn certificate', (value) => ({ ...value, certificate: 'x' }), 'CA_STORED_MALFORMED'],
    ['a key in clear', (value) => ({ ...value, sealed_key: 'x' }), 'SECRET_UNREADABLE'],
    [
      'no key in the seal',
      (value) => ({ ...value, sealed_key: cipher.encrypt('authorities/user', 'hello') }),
      'CA_KEY_UNREADABLE',
    ],
  ])('%s', async (_name, change, code) => {
    await expect(withChange(change)).rejects.toThrow(expect.objectContaining({ code }))
  })

  it('a key of another authority', async () => {
    const sealed_key = await otherKey()
    await expect(withChange((value) => ({ ...value, sealed_key }))).rejects.toThrow(
      expect.objectContaining({
        code: 'CA_KEY_UNREADABLE',
        message: 'the key at authorities/user does not belong to its certificate',
      }),
    )
  })

  it('a certificate that is no authority', async () => {
    const certificate = await leaf()
    await expect(withChange((value) => ({ ...value, certificate }))).rejects.toThrow(
      expect.objectContaining({ code: 'CA_STORED_MALFORMED' }),
    )
  })

  it('another secret key: told as such, and the stored authority stays', async () => {
    await using backend = openMemoryBackend({ clock })
    await using first = await open(backend)
    const before = await stored(backend, 'authorities/user')
    await expect(open(backend, { cipher: createSecretCipher(randomBytes(32)) })).rejects.toThrow(
      expect.objectContaining({
        code: 'SECRET_UNREADABLE',
        message:
          'the secret at authorities/user cannot be read: it was encrypted with another secret key',
      }),
    )
    expect(await stored(backend, 'authorities/user')).toEqual(before)
    expect(first.trust().userCas).toHaveLength(1)
  })
})

describe('authorities that change while the service runs', () => {
  it('a replaced one is used and trusted, the former no more', async () => {
    await using backend = openMemoryBackend({ clock })
    await using authorities = await open(backend)
    await using elsewhere = openMemoryBackend({ clock })
    await using other = await open(elsewhere)
    const former = authorities.trust()
    const peers = createPeerParser({
      trust: () => authorities.trust(),
      teleportCluster: 'example',
      accept: ['user'],
    })
    const oldPeer = peers.parse(new X509Certificate(await issueUser(authorities)).raw)
    const newPeer = peers.parse(new X509Certificate(await issueUser(other)).raw)
    expect(oldPeer.judge(NOW)).toMatchObject({ ok: true })
    expect(newPeer.judge(NOW)).toMatchObject({ code: 'CERT_UNKNOWN_AUTHORITY' })

    for (const key of ['authorities/user', 'authorities/host']) {
      await backend.put({ key, value: (await elsewhere.get(key))?.value ?? '' })
    }
    await until(() => authorities.caPin === other.caPin)

    expect(authorities.hostCaPem).toBe(other.hostCaPem)
    expect(authorities.trust().revision).toBeGreaterThan(former.revision)
    expect(oldPeer.judge(NOW)).toMatchObject({ code: 'CERT_UNKNOWN_AUTHORITY' })
    expect(newPeer.judge(NOW)).toMatchObject({ ok: true })
    const fresh = peers.parse(new X509Certificate(await issueUser(authorities)).raw)
    expect(fresh.judge(NOW)).toMatchObject({ ok: true })
  })

  it('a deleted one is trusted no more, and nothing is signed until it is back', async () => {
    await using backend = openMemoryBackend({ clock })
    await using authorities = await open(backend)
    const saved = (await backend.get('authorities/host'))?.value ?? ''
    const pin = authorities.caPin
    await backend.delete('authorities/host')
    await until(() => authorities.trust().hostCas.length === 0)

    const request = { publicKeyPem, dnsNames: [], ipAddresses: [], ttlMs: HOUR }
    await expect(authorities.issueHost({ identity: host, ...request })).rejects.toThrow(
      expect.objectContaining({ code: 'CA_MISSING' }),
    )
    expect(() => authorities.caPin).toThrow(expect.objectContaining({ code: 'CA_MISSING' }))
    await expect(issueUser(authorities)).resolves.toMatch(/BEGIN CERTIFICATE/)

    await backend.put({ key: 'authorities/host', value: saved })
    await until(() => authorities.trust().hostCas.length === 1)
    expect(authorities.caPin).toBe(pin)
  })

  it('one that cannot be read changes nothing, and is logged', async () => {
    const lines: string[] = []
    const log: Logger = {
      ...silentLogger,
      error: (fields: LogFields, message) => lines.push(`${message}: ${String(fields['error'])}`),
    }
    await using backend = openMemoryBackend({ clock })
    await using authorities = await open(backend, { log })
    const before = authorities.trust()
    await backend.put({ key: 'authorities/user', value: '{"version":9}' })
    await until(() => lines.length > 0)
    expect(lines[0]).toBe(
      'cannot follow the certificate authorities: the authority at authorities/user cannot be used: ' +
        'it is in a form that this version does not know',
    )
    expect(authorities.trust()).toBe(before)
    await expect(authorities.reload()).rejects.toThrow(
      expect.objectContaining({ code: 'CA_STORED_MALFORMED' }),
    )
    await expect(issueUser(authorities)).resolves.toMatch(/BEGIN CERTIFICATE/)
  })

  it('an authority written again as it was is no change', async () => {
    await using backend = openMemoryBackend({ clock })
    await using authorities = await open(backend)
    const before = authorities.trust()
    const item = await backend.get('authorities/user')
    await backend.put({ key: 'authorities/user', value: item?.value ?? '' })
    await authorities.reload()
    expect(authorities.trust()).toBe(before)
  })

  it('ends with its storage, even when nobody disposed it', async () => {
    const lines: string[] = []
    const log: Logger = { ...silentLogger, error: (_fields, message) => lines.push(message) }
    const backend = openMemoryBackend({ clock })
    const authorities = await open(backend, { log })
    await backend[Symbol.asyncDispose]()
    await authorities[Symbol.asyncDispose]()
    expect(lines).toEqual([])
  })
})
