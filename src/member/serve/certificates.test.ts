import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../../core/index.ts'
import {
  type CertificateTemplate,
  generateKeyPair,
  issueCertificate,
  publicKeyFromPem,
} from '../../x509/index.ts'
import type { MemberIdentity } from '../identity/types.ts'
import type { MemberCall } from '../ports.ts'
import { MemberCertificates, type NamedCluster } from './certificates.ts'

const HOUR_MS = 3_600_000

const template = (dnsNames: readonly string[], isCa = false): CertificateTemplate => ({
  commonName: 'test',
  notBeforeMs: Date.now() - HOUR_MS,
  notAfterMs: Date.now() + 24 * HOUR_MS,
  usages: isCa ? [] : ['serverAuth'],
  dnsNames,
  ipAddresses: [],
  isCa,
  extensions: [],
})

const serverNameOf = (name: string): string => `${name}.example.com`
const cluster = (name: string): NamedCluster => ({
  name,
  serverName: serverNameOf(name),
  dynamic: true,
})

describe('certificates for the names of clusters', () => {
  let directory: string
  let stack: DisposableStack
  /** Whether the auth service answers. */
  let isReached: boolean
  let open: () => Promise<MemberCertificates>

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'teleport-certificates-'))
    stack = new DisposableStack()
    isReached = true
    const authority = await generateKeyPair()
    const ca = await issueCertificate({
      template: template([], true),
      publicKey: authority.publicKey,
      issuer: { selfSigningKey: authority.privateKey },
      serial: randomBytes(16),
    })
    const certify = async (name: string, publicKeyPem: string): Promise<object> => {
      const issued = await issueCertificate({
        template: template([serverNameOf(name)]),
        publicKey: publicKeyFromPem(publicKeyPem),
        issuer: { certificatePem: ca.pem, privateKey: authority.privateKey },
        serial: randomBytes(16),
      })
      return { name, server_name: serverNameOf(name), certificate: issued.pem }
    }
    const call = async (
      _name: string,
      { body }: { body: { public_key: string; clusters: readonly string[] } },
    ): Promise<unknown> => {
      if (!isReached) throw new Error('nobody answers')
      const certificates = body.clusters.map((name) => certify(name, body.public_key))
      return { certificates: await Promise.all(certificates), refused: [] }
    }
    const identity = { current: () => ({ hostCaPem: ca.pem }) }
    open = async () =>
      stack.use(
        await MemberCertificates.open({
          identity: identity as unknown as MemberIdentity,
          call: call as unknown as MemberCall,
          path: join(directory, 'member-certificates.json'),
          clock: systemClock,
          log: silentLogger,
        }),
      )
  })
  afterEach(async () => {
    stack.dispose()
    await rm(directory, { recursive: true, force: true })
  })

  const had = (certificates: MemberCertificates): boolean[] =>
    ['west', 'east'].map((name) => certificates.pairOf(serverNameOf(name)) !== null)

  it('are there after a restart without the auth service', async () => {
    await (await open()).serve([cluster('west'), cluster('east')])
    isReached = false
    expect(had(await open())).toEqual([true, true])
  })

  it('are used while they cannot be kept, and kept once they can', async () => {
    await rm(directory, { recursive: true })
    const certificates = await open()
    await certificates.serve([cluster('west'), cluster('east')])
    expect(had(certificates)).toEqual([true, true])
    await mkdir(directory)
    isReached = false
    // What is done at every look, too.
    await certificates.serve([cluster('west'), cluster('east')])
    expect(had(await open())).toEqual([true, true])
  })

  it('go with their clusters', async () => {
    const certificates = await open()
    await certificates.serve([cluster('west'), cluster('east')])
    await certificates.serve([cluster('east')])
    expect(had(certificates)).toEqual([false, true])
  })

  it('are dropped for names that are another’s, and do not come back by a restart', async () => {
    const certificates = await open()
    await certificates.serve([cluster('west'), cluster('east')])
    isReached = false
    certificates.drop(new Set(['west']))
    expect(had(certificates)).toEqual([false, true])
    await expect.poll(async () => had(await open())).toEqual([false, true])
  })
})
