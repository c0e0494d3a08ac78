import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OpensslPki } from '../../test/support/openssl.ts'
import {
  type CertificateTemplate,
  extendedKeyUsageOids,
  type IssuedCertificate,
  issueCertificate,
} from './issue.ts'
import { generateKeyPair } from './keys.ts'
import { MAX_ALTERNATIVE_NAMES, MAX_COMMON_NAME_CHARS } from './limits.ts'
import { parseCertificate } from './parse.ts'

const NOW = Date.UTC(2026, 0, 31, 12, 0, 0)
const HOUR = 3_600_000
const SERIAL = Buffer.alloc(16, 0xab)

const leaf: CertificateTemplate = {
  commonName: 'alice@example.com',
  notBeforeMs: NOW - HOUR,
  notAfterMs: NOW + HOUR,
  usages: ['clientAuth'],
  dnsNames: [],
  ipAddresses: [],
  isCa: false,
  extensions: [],
}
const ca: CertificateTemplate = {
  ...leaf,
  commonName: 'user CA of example',
  organizations: ['example'],
  usages: [],
  isCa: true,
}

const caKey = await generateKeyPair()
const key = await generateKeyPair()
const authority = await issueCertificate({
  template: ca,
  publicKey: caKey.publicKey,
  issuer: { selfSigningKey: caKey.privateKey },
  serial: SERIAL,
})
const issuer = { certificatePem: authority.pem, privateKey: caKey.privateKey }

const issue = (change: Partial<CertificateTemplate> = {}): Promise<IssuedCertificate> =>
  issueCertificate({
    template: { ...leaf, ...change },
    publicKey: key.publicKey,
    issuer,
    serial: SERIAL,
  })

describe('issueCertificate, judged by openssl', () => {
  let pki: OpensslPki
  beforeAll(() => {
    pki = new OpensslPki()
  })
  afterAll(() => pki[Symbol.dispose]())

  const verify = (pem: string, purpose: 'sslclient' | 'sslserver', atMs = NOW): string =>
    pki.verify({ leafPem: pem, trustedPem: authority.pem, purpose, atMs })

  it('a client certificate is good for clients, and for them only', async () => {
    const { pem } = await issue()
    expect(verify(pem, 'sslclient')).toBe('OK')
    expect(verify(pem, 'sslserver')).toMatch(/unsuitable certificate purpose/)
  })

  it('a server certificate carries its names', async () => {
    const { pem } = await issue({
      usages: ['serverAuth', 'clientAuth'],
      dnsNames: ['a.teleport.cluster.local', '*.example.com', 'localhost'],
      ipAddresses: ['10.1.2.3', '::1', '2001:db8::a:1', '::ffff:192.0.2.1'],
    })
    expect(verify(pem, 'sslserver')).toBe('OK')
    expect(verify(pem, 'sslclient')).toBe('OK')
    const names = pki.show(pem, '-ext', 'subjectAltName')
    expect(names).toContain(
      'DNS:a.teleport.cluster.local, DNS:*.example.com, DNS:localhost, IP Address:10.1.2.3, ' +
        'IP Address:0:0:0:0:0:0:0:1, IP Address:2001:DB8:0:0:0:0:A:1, IP Address:0:0:0:0:0:FFFF:C000:201',
    )
  })

  it('begins and ends when the template says', async () => {
    const { pem } = await issue()
    expect(verify(pem, 'sslclient', NOW + HOUR - 1000)).toBe('OK')
    expect(verify(pem, 'sslclient', NOW + HOUR + 1000)).toMatch(/certificate has expired/)
    expect(verify(pem, 'sslclient', NOW - HOUR - 1000)).toMatch(/certificate is not yet valid/)
    expect(pki.show(pem, '-startdate', '-enddate', '-dateopt', 'iso_8601')).toBe(
      'notBefore=2026-01-31 11:00:00Z\nnotAfter=2026-01-31 13:00:00Z\n',
    )
  })

  it('writes the years around 2050 in the form that RFC 5280 wants', async () => {
    const template = {
      ...ca,
      notBeforeMs: Date.UTC(2049, 11, 31, 23, 59, 59),
      notAfterMs: Date.UTC(2050, 0, 1, 0, 0, 0),
    }
    const { pem, notAfterMs } = await issueCertificate({
      template,
      publicKey: caKey.publicKey,
      issuer: { selfSigningKey: caKey.privateKey },
      serial: SERIAL,
    })
    expect(notAfterMs).toBe(template.notAfterMs)
    expect(pki.show(pem, '-startdate', '-enddate', '-dateopt', 'iso_8601')).toBe(
      'notBefore=2049-12-31 23:59:59Z\nnotAfter=2050-01-01 00:00:00Z\n',
    )
  })

  it('an authority may sign leaves but no further authority', async () => {
    expect(pki.show(authority.pem, '-ext', 'basicConstraints,keyUsage')).toMatch(
      /critical\s+CA:TRUE, pathlen:0\s+.*critical\s+Certificate Sign, CRL Sign/,
    )
    const middle = await issueCertificate({
      template: { ...ca, commonName: 'middle' },
      publicKey: key.publicKey,
      issuer,
      serial: SERIAL,
    })
    const last = await issueCertificate({
      template: leaf,
      publicKey: key.publicKey,
      issuer: { certificatePem: middle.pem, privateKey: key.privateKey },
      serial: SERIAL,
    })
    expect(
      pki.verify({
        leafPem: last.pem,
        trustedPem: authority.pem,
        untrustedPem: middle.pem,
        purpose: 'sslclient',
        atMs: NOW,
      }),
    ).toMatch(/path length constraint exceeded/)
  })

  it('keeps every character of a name, and escapes none into another field', async () => {
    const commonName = 'Zoë, O=system:masters + CN="x"#;<>/CN=y'
    const { pem } = await issue({ commonName })
    const shown = pki.show(pem, '-subject', '-nameopt', 'multiline,utf8,-esc_msb')
    expect(shown).toBe(`subject=\n    commonName                = ${commonName}\n`)
    expect(verify(pem, 'sslclient')).toBe('OK')
  })

  it('carries a private extension of 48 KiB', async () => {
    const value = Buffer.alloc(48 * 1024, 'x')
    const { pem, der } = await issue({
      extensions: [{ oid: '2.25.1834052917', critical: false, value }],
    })
    expect(verify(pem, 'sslclient')).toBe('OK')
    expect(parseCertificate(der).extension('2.25.1834052917')).toEqual(Uint8Array.from(value))
  })
})

describe('issueCertificate, judged by node:crypto', () => {
  it('binds the key and the issuer', async () => {
    const { der, pem } = await issue()
    const x509 = new X509Certificate(pem)
    const signer = new X509Certificate(authority.pem)
    expect(x509.raw.equals(der)).toBe(true)
    expect(x509.publicKey.equals(key.publicKey)).toBe(true)
    expect(x509.verify(caKey.publicKey)).toBe(true)
    expect(x509.verify(key.publicKey)).toBe(false)
    expect(x509.checkIssued(signer)).toBe(true)
    expect(x509.issuer).toBe('O=example\nCN=user CA of example')
    expect(x509.subject).toBe('CN=alice@example.com')
    expect(x509.ca).toBe(false)
    expect(x509.keyUsage).toEqual([extendedKeyUsageOids.clientAuth])
    expect(x509.toString()).toBe(pem)
  })

  it.each([
    ['zeros', 0x00],
    ['ones', 0xff],
  ])('keeps 128 random bits of %s as a positive serial', async (_name, byte) => {
    const random = Buffer.alloc(16, byte)
    const { pem } = await issueCertificate({
      template: leaf,
      publicKey: key.publicKey,
      issuer,
      serial: random,
    })
    expect(new X509Certificate(pem).serialNumber.toLowerCase()).toBe(`01${random.toString('hex')}`)
  })

  it('cuts milliseconds off, since certificates count seconds', async () => {
    const { notAfterMs } = await issue({ notAfterMs: NOW + HOUR + 999 })
    expect(notAfterMs).toBe(NOW + HOUR)
  })
})

describe('issueCertificate refuses', () => {
  it.each<[string, Partial<CertificateTemplate>, RegExp]>([
    ['an empty name', { commonName: '' }, /names must have 1 to 256 characters/],
    [
      'a name above the limit',
      { commonName: 'x'.repeat(MAX_COMMON_NAME_CHARS + 1) },
      /names must have 1 to 256/,
    ],
    ['an empty organization', { organizations: [''] }, /names must have 1 to 256 characters/],
    ['a line break in a name', { commonName: 'a\r\nb' }, /control characters/],
    ['NUL in a name', { commonName: 'root\0.example.com' }, /control characters/],
    ['half a surrogate pair', { commonName: '\ud800' }, /control characters/],
    ['an end before the begin', { notAfterMs: leaf.notBeforeMs }, /the validity must begin/],
    ['an end that is no number', { notAfterMs: Number.NaN }, /the validity must begin/],
    ['a begin before 1970', { notBeforeMs: -1 }, /the validity must begin/],
    ['the year 10000', { notAfterMs: Date.UTC(10000, 0, 1) }, /the validity must begin/],
    ['a DNS name with a space', { dnsNames: ['a b'] }, /"a b" is not a DNS name/],
    ['a DNS name with NUL', { dnsNames: ['a\0b'] }, /is not a DNS name/],
    ['a DNS name that is not ASCII', { dnsNames: ['zoë.example'] }, /is not a DNS name/],
    ['a DNS name above 253 characters', { dnsNames: ['a.'.repeat(127)] }, /is not a DNS name/],
    ['an inner wildcard', { dnsNames: ['a.*.example'] }, /is not a DNS name/],
    ['an IP address that is none', { ipAddresses: ['10.0.0.256'] }, /is not an IP address/],
    [
      'more alternative names than the limit',
      { dnsNames: Array.from({ length: MAX_ALTERNATIVE_NAMES + 1 }, (_, at) => `n${at}`) },
      /at most 256 alternative names/,
    ],
    [
      'an extension twice',
      {
        extensions: [1, 2].map((byte) => ({
          oid: '1.2.3',
          critical: false,
          value: Buffer.from([byte]),
        })),
      },
      /extension 1\.2\.3 is there twice/,
    ],
  ])('%s', async (_name, change, message) => {
    await expect(issue(change)).rejects.toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^X509_(TEMPLATE_INVALID|MALFORMED)$/) as string,
        message: expect.stringMatching(message) as string,
      }),
    )
  })

  it('an issuer whose key is not that of its certificate', async () => {
    const stranger = await generateKeyPair()
    const issued = issueCertificate({
      template: leaf,
      publicKey: key.publicKey,
      issuer: { certificatePem: authority.pem, privateKey: stranger.privateKey },
      serial: SERIAL,
    })
    await expect(issued).rejects.toThrow(
      expect.objectContaining({
        code: 'X509_TEMPLATE_INVALID',
        message: 'the certificate cannot be issued: its issuer differs from what was ordered',
      }),
    )
  })

  it.each([
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'secp384r1' })],
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['Ed25519', generateKeyPairSync('ed25519')],
  ])('a key of %s', async (_name, { publicKey }) => {
    const issued = issueCertificate({ template: leaf, publicKey, issuer, serial: SERIAL })
    await expect(issued).rejects.toThrow(expect.objectContaining({ code: 'X509_KEY_UNSUITABLE' }))
  })

  it.each([15, 20])('a serial of %i bytes', async (length) => {
    const issued = issueCertificate({
      template: leaf,
      publicKey: key.publicKey,
      issuer,
      serial: Buffer.alloc(length),
    })
    await expect(issued).rejects.toThrow('"serial" must have 16 to 19 bytes')
  })
})
