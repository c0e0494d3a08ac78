import { generateKeyPairSync } from 'node:crypto'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PemIdentity, pemIdentity, userIdentity } from '../../test/support/identity-files.ts'
import { authServerName } from '../protocol/index.ts'
import { connectionOf, parseIdentityFile, readIdentityFile } from './identity-file.ts'

let alice: PemIdentity
let bob: PemIdentity
beforeAll(async () => {
  ;[alice, bob] = await Promise.all([
    pemIdentity(userIdentity('alice')),
    pemIdentity(userIdentity('bob')),
  ])
})

const parse = (...parts: readonly string[]): ReturnType<typeof parseIdentityFile> =>
  parseIdentityFile('id.pem', parts.join(''))

describe('parseIdentityFile()', () => {
  it('takes key, certificate and authority apart', () => {
    const { key, certificate, hostCa } = alice
    const file = parse('# written by hand\n', key, certificate, hostCa)
    expect(file).toMatchObject({
      identity: { kind: 'user', user: 'alice', teleportCluster: 'example.com' },
      privateKey: key,
      certificate,
      hostCa,
    })
    expect(file.expiresAtMs).toBeGreaterThan(Date.now())
  })

  it('needs no order: the certificate is that of the key', () => {
    const { key, certificate, hostCa } = alice
    expect(parse(hostCa, certificate, key)).toEqual(parse(key, certificate, hostCa))
  })

  it('keeps every authority, as there are two while one takes over from another', () => {
    const { key, certificate, hostCa } = alice
    expect(parse(key, certificate, hostCa, bob.hostCa).hostCa).toBe(hostCa + bob.hostCa)
  })

  it('believes the certificate and not a comment', () => {
    const { key, certificate, hostCa } = alice
    const file = parse('# user mallory of evil.example.com\n', key, certificate, hostCa)
    expect(file.identity).toMatchObject({ user: 'alice', teleportCluster: 'example.com' })
  })

  it.each<[string, () => readonly string[], RegExp]>([
    ['nothing', () => [''], /no private key/],
    ['no key', () => [alice.certificate, alice.hostCa], /no private key/],
    [
      'two keys',
      () => [alice.key, bob.key, alice.certificate, alice.hostCa],
      /more than one private/,
    ],
    ['no certificate', () => [alice.key, alice.hostCa], /no certificate for its key/],
    [
      'somebody else’s',
      () => [alice.key, bob.certificate, bob.hostCa],
      /no certificate for its key/,
    ],
    [
      'its certificate twice',
      () => [alice.key, alice.certificate, alice.certificate, alice.hostCa],
      /more than one certificate/,
    ],
    ['no authority', () => [alice.key, alice.certificate], /no authority/],
    [
      'a certificate too many',
      () => [alice.key, alice.certificate, bob.certificate, alice.hostCa],
      /neither for its key nor an authority/,
    ],
    [
      'half a certificate',
      () => [alice.key, alice.certificate.replace(/^[A-Za-z0-9+/=]+$/m, 'AAAA'), alice.hostCa],
      /cannot be read/,
    ],
    [
      'a key that is encrypted',
      () => [
        generateKeyPairSync('ec', { namedCurve: 'P-256' })
          .privateKey.export({
            type: 'pkcs8',
            format: 'pem',
            cipher: 'aes-256-cbc',
            passphrase: 'x',
          })
          .toString(),
        alice.certificate,
        alice.hostCa,
      ],
      /encrypted/,
    ],
  ])('refuses a file with %s', (_what, parts, words) => {
    expect(() => parse(...parts())).toThrow(
      expect.objectContaining({
        code: 'IDENTITY_UNREADABLE',
        message: expect.stringMatching(words) as string,
      }),
    )
  })

  it('refuses a service’s certificate', async () => {
    const { key, certificate, hostCa } = await pemIdentity({
      kind: 'host',
      teleportCluster: 'example.com',
      hostId: 'h',
      services: ['kube'],
    })
    expect(() => parse(key, certificate, hostCa)).toThrow(/a service’s and not a user’s/)
  })

  it('says what a kubeconfig is when it is given one', () => {
    expect(() => parse('apiVersion: v1\nkind: Config\n')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('kubeconfig') as string }),
    )
  })

  it('quotes nothing of the file', () => {
    const secret = 'MIGHAgEAMBMGByqGSM49AgEG'
    const text = `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`
    const message = (): string => {
      try {
        parse(text, alice.certificate)
      } catch (error) {
        return String(error)
      }
      return ''
    }
    expect(message()).toContain('id.pem is not an identity file')
    expect(message()).not.toContain(secret)
  })
})

describe('readIdentityFile()', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'identity-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  it('tells whether others can read it', async () => {
    const path = join(directory, 'id.pem')
    await writeFile(path, alice.key + alice.certificate + alice.hostCa, { mode: 0o600 })
    expect((await readIdentityFile(path)).exposed).toBe(false)
    await chmod(path, 0o644)
    expect((await readIdentityFile(path)).exposed).toBe(true)
  })

  it('says that there is none, and refuses what is far too large', async () => {
    await expect(readIdentityFile(join(directory, 'none'))).rejects.toMatchObject({
      code: 'IDENTITY_MISSING',
    })
    const path = join(directory, 'large')
    await writeFile(path, Buffer.alloc(2 * 1024 * 1024, 10))
    await expect(readIdentityFile(path)).rejects.toMatchObject({ code: 'IDENTITY_UNREADABLE' })
    await expect(readIdentityFile(directory)).rejects.toMatchObject({ code: 'IDENTITY_UNREADABLE' })
  })
})

describe('connectionOf()', () => {
  it('asks for the auth service of the cluster that the certificate names', () => {
    const { key, certificate, hostCa } = alice
    const connection = connectionOf(parse(key, certificate, hostCa), { host: 'h', port: 3080 })
    expect(connection).toEqual({
      host: 'h',
      port: 3080,
      serverName: authServerName('example.com'),
      certificate,
      privateKey: key,
      hostCa,
    })
  })
})
