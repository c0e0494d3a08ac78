import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { extension, extensionsOf, withExtensions } from '../../test/support/forge.ts'
import { OpensslPki } from '../../test/support/openssl.ts'
import { DerReader } from './der-reader.ts'
import { derTag } from './der-tags.ts'
import { der, derInteger, derOid, derSequence } from './der-writer.ts'
import { extendedKeyUsageOids } from './issue.ts'
import { MAX_CERTIFICATE_BYTES, MAX_EXTENSIONS } from './limits.ts'
import { certificateFromPem, parseCertificate, spkiPin } from './parse.ts'
import { extensionOids } from './structure.ts'

const NOW = Date.UTC(2026, 0, 31, 12, 0, 0)
const PRIVATE = '2.25.1834052917'
const MALFORMED = expect.objectContaining({ code: 'X509_MALFORMED' }) as Error

let pki: OpensslPki
let good: Buffer
beforeAll(() => {
  pki = new OpensslPki()
  good = make([
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=clientAuth',
    `${PRIVATE}=DER:7b7d`,
  ])
})
afterAll(() => pki[Symbol.dispose]())

const make = (extensions: readonly string[]): Buffer =>
  certificateFromPem(
    pki.issue({
      issuer: null,
      subject: '/O=example/CN=alice',
      notBeforeMs: NOW,
      notAfterMs: NOW + 3_600_000,
      extensions,
    }).certificatePem,
  )

describe('parseCertificate of what openssl made', () => {
  it('finds what a judge needs', () => {
    const parsed = parseCertificate(good)
    expect({
      notBeforeMs: parsed.notBeforeMs,
      notAfterMs: parsed.notAfterMs,
      isCa: parsed.isCa,
      usages: parsed.extendedKeyUsages,
      critical: parsed.criticalExtensions,
      value: Buffer.from(parsed.extension(PRIVATE) ?? []).toString(),
      absent: parsed.extension('1.2.3'),
    }).toEqual({
      notBeforeMs: NOW,
      notAfterMs: NOW + 3_600_000,
      isCa: false,
      usages: [extendedKeyUsageOids.clientAuth],
      critical: [extensionOids.basicConstraints, extensionOids.keyUsage],
      value: '{}',
      absent: null,
    })
  })

  it('reads a certificate of version 1, which has no extensions', () => {
    const parsed = parseCertificate(make([]))
    expect(parsed.extendedKeyUsages).toEqual([])
    expect(parsed.criticalExtensions).toEqual([])
  })

  it.each([
    ['basic constraints', ['basicConstraints=CA:TRUE']],
    ['key usage alone', ['keyUsage=keyCertSign']],
    ['key usage against basic constraints', ['basicConstraints=CA:FALSE', 'keyUsage=keyCertSign']],
    ['a key usage that cannot be read', [`${extensionOids.keyUsage}=DER:0401ff`]],
  ])('takes it for an authority by %s', (_name, extensions) => {
    expect(parseCertificate(make(extensions)).isCa).toBe(true)
  })

  it('copies values, so that the handshake buffer can go', () => {
    const buffer = Buffer.from(good)
    const parsed = parseCertificate(buffer)
    buffer.fill(0)
    expect(Buffer.from(parsed.extension(PRIVATE) ?? []).toString()).toBe('{}')
  })
})

describe('parseCertificate refuses', () => {
  it('a certificate cut off at any byte', () => {
    for (let length = 0; length < good.length; length += 1) {
      expect(() => parseCertificate(good.subarray(0, length))).toThrow(MALFORMED)
    }
  })

  it('bytes behind a certificate', () => {
    expect(() => parseCertificate(Buffer.concat([good, Buffer.from([0])]))).toThrow(MALFORMED)
    expect(() => parseCertificate(Buffer.concat([good, good]))).toThrow(MALFORMED)
  })

  it('PEM, which node:crypto would take as well', () => {
    const pem = `-----BEGIN CERTIFICATE-----\n${good.toString('base64')}\n-----END CERTIFICATE-----\n`
    expect(() => parseCertificate(Buffer.from(pem))).toThrow(MALFORMED)
  })

  it('an extension that is there twice', () => {
    const [first] = extensionsOf(good)
    const twice = [...extensionsOf(good), first ?? Buffer.alloc(0)]
    expect(() => parseCertificate(withExtensions(good, extensionsOf(good)))).not.toThrow()
    expect(() => parseCertificate(withExtensions(good, twice))).toThrow(MALFORMED)
  })

  it('a known extension that is there twice', () => {
    const usage = (oid: string): Buffer =>
      extension(extensionOids.extendedKeyUsage, derSequence(derOid(oid)))
    const { serverAuth, clientAuth } = extendedKeyUsageOids
    expect(() => parseCertificate(withExtensions(good, [usage(serverAuth)]))).not.toThrow()
    expect(() =>
      parseCertificate(withExtensions(good, [usage(serverAuth), usage(clientAuth)])),
    ).toThrow(MALFORMED)
  })

  it('more extensions than the limit', () => {
    const some = (count: number): Buffer[] =>
      Array.from({ length: count }, (_, at) => extension(`1.2.3.${at}`, Buffer.from([5, 0])))
    expect(() => parseCertificate(withExtensions(good, some(MAX_EXTENSIONS)))).not.toThrow()
    expect(() => parseCertificate(withExtensions(good, some(MAX_EXTENSIONS + 1)))).toThrow(
      MALFORMED,
    )
  })

  it('a certificate above the limit, and takes one just below', () => {
    const sized = (size: number): Buffer =>
      withExtensions(good, [extension(PRIVATE, Buffer.alloc(size))])
    const rest = sized(60_000).length - 60_000
    const largest = sized(MAX_CERTIFICATE_BYTES - rest)
    expect(largest).toHaveLength(MAX_CERTIFICATE_BYTES)
    expect(() => parseCertificate(largest)).not.toThrow()
    expect(() => parseCertificate(sized(MAX_CERTIFICATE_BYTES - rest + 1))).toThrow(/too large/)
  })

  it.each([
    ['a boolean that is false though DER leaves it out', '010100'],
    ['a boolean that is neither', '010101'],
    ['a boolean of two bytes', '0102ffff'],
  ])('%s', (_name, boolean) => {
    const odd = derSequence(
      derOid('1.2.3'),
      Buffer.from(boolean, 'hex'),
      der(derTag.octetString, Buffer.from([5, 0])),
    )
    expect(() => parseCertificate(withExtensions(good, [odd]))).toThrow(MALFORMED)
  })

  it.each([
    ['version 1, spelled out', derInteger(0)],
    ['version 2, which has no extensions', derInteger(1)],
    ['version 4', derInteger(3)],
    ['no version number', Buffer.alloc(0)],
  ])('extensions in %s', (_name, version) => {
    const fields = new DerReader(good).enter(derTag.sequence)
    const tbs = fields.enter(derTag.sequence)
    tbs.next()
    const rest: Uint8Array[] = []
    while (!tbs.done) rest.push(tbs.next().raw)
    const changed = derSequence(
      derSequence(der(derTag.version, version), ...rest),
      fields.next().raw,
      fields.next().raw,
    )
    expect(() => parseCertificate(changed)).toThrow(MALFORMED)
  })

  it('deep nesting, in its stride', () => {
    let nested: Buffer = Buffer.from([5, 0])
    while (nested.length < MAX_CERTIFICATE_BYTES - 8) nested = derSequence(nested)
    expect(() => parseCertificate(nested)).toThrow(MALFORMED)
  })

  it('anything else, never with another error', () => {
    const flips = fc.array(
      fc.record({ at: fc.nat(good.length - 1), byte: fc.integer({ min: 0, max: 255 }) }),
      { minLength: 1, maxLength: 4 },
    )
    fc.assert(
      fc.property(flips, (changes) => {
        const bytes = Buffer.from(good)
        for (const { at, byte } of changes) bytes[at] = byte
        try {
          parseCertificate(bytes)
        } catch (error) {
          expect(error).toMatchObject({ code: 'X509_MALFORMED' })
        }
      }),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 256 }), (bytes) => {
        expect(() => parseCertificate(bytes)).toThrow(MALFORMED)
      }),
    )
  })
})

describe('spkiPin', () => {
  it('is what openssl computes', () => {
    const { certificatePem } = pki.authority('/CN=ca', NOW)
    const spki = pki.show(certificatePem, '-pubkey')
    const body = Buffer.from(spki.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64')
    const digest = pki.sha256(body)
    expect(spkiPin(certificatePem)).toBe(`sha256:${digest}`)
  })

  it.each(['', 'hello'])('refuses %j', (text) => {
    expect(() => spkiPin(text)).toThrow(MALFORMED)
  })
})
