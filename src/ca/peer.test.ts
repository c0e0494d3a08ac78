import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { extension, extensionsOf, withExtensions } from '../../test/support/forge.ts'
import { type OpensslAuthority, OpensslPki } from '../../test/support/openssl.ts'
import {
  type AdminIdentity,
  encodeIdentity,
  type HostIdentity,
  IDENTITY_OID,
  type Identity,
  type UserIdentity,
} from '../identity/index.ts'
import { createPeerParser, type PeerVerdict } from './peer.ts'
import { type TrustBundle, trustedAuthority } from './trust.ts'

const NOW = Date.UTC(2026, 0, 31, 12, 0, 0)
const HOUR = 3_600_000

const user: UserIdentity = {
  kind: 'user',
  teleportCluster: 'example',
  user: 'alice',
  roles: ['access'],
  traits: {},
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

const identityLine = (identity: Identity | Uint8Array): string => {
  const bytes = identity instanceof Uint8Array ? identity : encodeIdentity(identity)
  return `${IDENTITY_OID}=DER:${Buffer.from(bytes).toString('hex')}`
}
const LEAF = ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature']
const CLIENT = [...LEAF, 'extendedKeyUsage=clientAuth']
const BOTH = [...LEAF, 'extendedKeyUsage=serverAuth,clientAuth']

let pki: OpensslPki
let userCa: OpensslAuthority
let hostCa: OpensslAuthority
let trust: TrustBundle

beforeAll(() => {
  pki = new OpensslPki()
  userCa = pki.authority('/O=example/CN=user CA', NOW)
  hostCa = pki.authority('/O=example/CN=host CA', NOW)
  trust = {
    revision: 1,
    userCas: [trustedAuthority(userCa.certificatePem)],
    hostCas: [trustedAuthority(hostCa.certificatePem)],
  }
})
afterAll(() => pki[Symbol.dispose]())

interface Leaf {
  readonly issuer?: OpensslAuthority | null
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
  readonly extensions: readonly string[]
}

const issue = ({ issuer = userCa, extensions, ...life }: Leaf): OpensslAuthority =>
  pki.issue({
    issuer,
    subject: '/CN=alice',
    notBeforeMs: life.notBeforeMs ?? NOW - HOUR,
    notAfterMs: life.notAfterMs ?? NOW + HOUR,
    extensions,
  })
const derOf = ({ certificatePem }: OpensslAuthority): Buffer =>
  new X509Certificate(certificatePem).raw

function judge(
  der: Uint8Array | null,
  options: { atMs?: number; trust?: TrustBundle; accept?: readonly Identity['kind'][] } = {},
): PeerVerdict {
  const parser = createPeerParser({
    trust: () => options.trust ?? trust,
    teleportCluster: 'example',
    accept: options.accept ?? ['user', 'host', 'admin'],
  })
  return parser.parse(der).judge(options.atMs ?? NOW)
}
const codeOf = (verdict: PeerVerdict): string => (verdict.ok ? 'ok' : verdict.code)

describe('a peer certificate made by openssl', () => {
  it('of a user, signed by the user CA', () => {
    const verdict = judge(derOf(issue({ extensions: [...CLIENT, identityLine(user)] })))
    expect(verdict).toEqual({ ok: true, identity: user, expiresAtMs: NOW + HOUR })
  })

  it.each<[string, Identity]>([
    ['host', host],
    ['admin', admin],
  ])('of a %s, signed by the host CA', (_name, identity) => {
    const der = derOf(issue({ issuer: hostCa, extensions: [...BOTH, identityLine(identity)] }))
    expect(judge(der)).toEqual({ ok: true, identity, expiresAtMs: NOW + HOUR })
  })
})

describe('time', () => {
  const verdicts = (der: Buffer): ((atMs: number) => string) => {
    const parser = createPeerParser({
      trust: () => trust,
      teleportCluster: 'example',
      accept: ['user'],
    })
    const peer = parser.parse(der)
    return (atMs) => codeOf(peer.judge(atMs))
  }

  it('is judged anew on every call, on both ends to the millisecond', () => {
    const at = verdicts(derOf(issue({ extensions: [...CLIENT, identityLine(user)] })))
    expect(at(NOW)).toBe('ok')
    expect(at(NOW + HOUR)).toBe('ok')
    expect(at(NOW + HOUR + 1)).toBe('CERT_EXPIRED')
    expect(at(NOW - HOUR - 1)).toBe('CERT_NOT_YET_VALID')
    expect(at(NOW - HOUR)).toBe('ok')
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'refuses at %d',
    (atMs) => {
      const at = verdicts(derOf(issue({ extensions: [...CLIENT, identityLine(user)] })))
      expect(at(atMs)).toMatch(/^CERT_(EXPIRED|NOT_YET_VALID)$/)
    },
  )

  it('of the authority counts as well', () => {
    const leaf = derOf(
      issue({
        notAfterMs: NOW + 100 * 365 * 24 * HOUR,
        extensions: [...CLIENT, identityLine(user)],
      }),
    )
    const end = trust.userCas[0]?.notAfterMs ?? 0
    const at = verdicts(leaf)
    expect(at(end)).toBe('ok')
    expect(at(end + 1)).toBe('CERT_EXPIRED')
    expect(judge(leaf)).toMatchObject({ expiresAtMs: end })
  })

  it('says when, in words for a person', () => {
    const der = derOf(issue({ extensions: [...CLIENT, identityLine(user)] }))
    expect(judge(der, { atMs: NOW + 2 * HOUR })).toEqual({
      ok: false,
      code: 'CERT_EXPIRED',
      message: 'the certificate expired at 2026-01-31T13:00:00.000Z: log in again',
    })
    expect(judge(der, { atMs: NOW - 2 * HOUR })).toMatchObject({
      message:
        'the certificate is valid from 2026-01-31T11:00:00.000Z, and here it is 2026-01-31T10:00:00.000Z: is a clock wrong?',
    })
  })
})

describe('who may vouch for whom', () => {
  it.each<[string, () => OpensslAuthority, Identity]>([
    ['a host by the user CA', () => userCa, host],
    ['an administrator by the user CA', () => userCa, admin],
    ['a user by the host CA', () => hostCa, user],
  ])('not %s', (_name, issuer, identity) => {
    const der = derOf(issue({ issuer: issuer(), extensions: [...BOTH, identityLine(identity)] }))
    expect(codeOf(judge(der))).toBe('CERT_WRONG_KIND')
  })

  it.each<[Identity, Identity['kind'][]]>([
    [user, ['host', 'admin']],
    [host, ['user']],
    [admin, ['user', 'host']],
    [user, []],
  ])('a door takes only the kinds that it names: %o at %o', (identity, accept) => {
    const issuer = identity.kind === 'user' ? userCa : hostCa
    const der = derOf(issue({ issuer, extensions: [...BOTH, identityLine(identity)] }))
    expect(codeOf(judge(der, { accept }))).toBe('CERT_WRONG_KIND')
  })

  it('not another Teleport cluster, even with our authority', () => {
    const identity = { ...user, teleportCluster: 'other' }
    const der = derOf(issue({ extensions: [...CLIENT, identityLine(identity)] }))
    expect(codeOf(judge(der))).toBe('CERT_WRONG_CLUSTER')
  })
})

describe('strangers', () => {
  const extensions = (): string[] => [...CLIENT, identityLine(user)]
  const unknown = 'CERT_UNKNOWN_AUTHORITY'

  it('without a certificate', () => {
    expect(judge(null)).toEqual({
      ok: false,
      code: 'CERT_MISSING',
      message: 'no client certificate: log in first',
    })
  })

  it('who sign for themselves', () => {
    expect(codeOf(judge(derOf(issue({ issuer: null, extensions: extensions() }))))).toBe(unknown)
  })

  it('who sign for themselves under the name of our authority', () => {
    const forged = pki.issue({
      issuer: null,
      subject: '/O=example/CN=user CA',
      notBeforeMs: NOW - HOUR,
      notAfterMs: NOW + HOUR,
      extensions: extensions(),
    })
    expect(codeOf(judge(derOf(forged)))).toBe(unknown)
  })

  it('with an authority of their own that has the name of ours', () => {
    const twin = pki.authority('/O=example/CN=user CA', NOW)
    expect(codeOf(judge(derOf(issue({ issuer: twin, extensions: extensions() }))))).toBe(unknown)
  })

  it('with an authority of their own that copies name and key identifier of ours', () => {
    const [, id = ''] =
      /Identifier: \n\s+([0-9A-F:]+)/.exec(
        pki.show(userCa.certificatePem, '-ext', 'subjectKeyIdentifier'),
      ) ?? []
    expect(id).not.toBe('')
    const twin = pki.issue({
      issuer: null,
      subject: '/O=example/CN=user CA',
      notBeforeMs: NOW - HOUR,
      notAfterMs: NOW + HOUR,
      extensions: [
        'basicConstraints=critical,CA:TRUE',
        'keyUsage=critical,keyCertSign',
        `subjectKeyIdentifier=${id}`,
      ],
    })
    const leaf = issue({
      issuer: twin,
      extensions: [...extensions(), 'authorityKeyIdentifier=keyid'],
    })
    expect(codeOf(judge(derOf(leaf)))).toBe(unknown)
  })

  it('below an intermediate that our own authority signed', () => {
    const middle = pki.issue({
      issuer: userCa,
      subject: '/CN=middle',
      notBeforeMs: NOW - HOUR,
      notAfterMs: NOW + HOUR,
      extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign'],
    })
    const der = derOf(issue({ issuer: middle, extensions: extensions() }))
    expect(codeOf(judge(der))).toBe(unknown)
  })

  it('below a user who plays authority with his own certificate', () => {
    const alice = issue({ extensions: extensions() })
    const der = derOf(issue({ issuer: alice, extensions: [...CLIENT, identityLine(user)] }))
    expect(codeOf(judge(der))).toBe(unknown)
  })

  it('who change a byte of a good one', () => {
    const der = derOf(issue({ extensions: extensions() }))
    const at = der.indexOf('"alice"')
    expect(at).toBeGreaterThan(0)
    const changed = Buffer.from(der)
    changed.write('"admin"', at)
    expect(codeOf(judge(changed))).toBe(unknown)
  })

  it('who cut the signature of a good one, at any byte', () => {
    const der = derOf(issue({ extensions: extensions() }))
    for (let length = 0; length < der.length; length += 1) {
      expect(codeOf(judge(der.subarray(0, length)))).toBe('CERT_MALFORMED')
    }
  })
})

describe('certificates that our own authority should never have signed', () => {
  const judged = (extensions: readonly string[]): string =>
    codeOf(judge(derOf(issue({ extensions }))))
  const who = identityLine(user)

  it.each<[string, readonly string[], string]>([
    [
      'an authority',
      ['basicConstraints=critical,CA:TRUE', 'extendedKeyUsage=clientAuth', who],
      'CERT_WRONG_USAGE',
    ],
    [
      'an authority by key usage alone',
      ['keyUsage=critical,keyCertSign,digitalSignature', 'extendedKeyUsage=clientAuth', who],
      'CERT_WRONG_USAGE',
    ],
    ['a server only', [...LEAF, 'extendedKeyUsage=serverAuth', who], 'CERT_WRONG_USAGE'],
    ['for any usage', [...LEAF, 'extendedKeyUsage=anyExtendedKeyUsage', who], 'CERT_WRONG_USAGE'],
    ['without a usage', [...LEAF, who], 'CERT_WRONG_USAGE'],
    // OpenSSL finds no issuer for what it cannot read.
    [
      'with a usage that cannot be read',
      [...LEAF, '2.5.29.37=DER:30ff', who],
      'CERT_UNKNOWN_AUTHORITY',
    ],
    ['without extensions', [], 'CERT_WRONG_USAGE'],
    ['that names nobody', CLIENT, 'CERT_MALFORMED'],
    ['with garbage as an identity', [...CLIENT, `${IDENTITY_OID}=DER:deadbeef`], 'CERT_MALFORMED'],
    [
      'of a kind that this version does not know',
      [...CLIENT, identityLine(Buffer.from('{"v":1,"kind":"root","teleportCluster":"example"}'))],
      'CERT_MALFORMED',
    ],
    [
      'of a user named as the system',
      [
        ...CLIENT,
        identityLine(
          Buffer.from(
            Buffer.from(encodeIdentity(user)).toString().replace('"alice"', '"system:admin"'),
          ),
        ),
      ],
      'CERT_MALFORMED',
    ],
    [
      'with a critical extension that we do not know',
      [...CLIENT, who, '1.2.3.4=critical,DER:0500'],
      'CERT_MALFORMED',
    ],
    [
      'with critical name constraints',
      [...CLIENT, who, 'nameConstraints=critical,permitted;DNS:x'],
      'CERT_MALFORMED',
    ],
  ])('%s', (_name, extensions, code) => {
    expect(judged(extensions)).toBe(code)
  })

  it('with an identity that is critical: that we do know', () => {
    const critical = identityLine(user).replace('DER:', 'critical,DER:')
    expect(judged([...CLIENT, critical])).toBe('ok')
  })

  it('with two identities, the good one first or last, or with an empty one', () => {
    const leaf = derOf(issue({ extensions: CLIENT }))
    const [good, evil] = [user, { ...user, user: 'root' }].map((identity) =>
      extension(IDENTITY_OID, encodeIdentity(identity)),
    ) as [Buffer, Buffer]
    const signed = (...added: Buffer[]): Buffer =>
      withExtensions(leaf, [...extensionsOf(leaf), ...added], userCa.keyPem)
    expect(codeOf(judge(signed(good)))).toBe('ok')
    expect(codeOf(judge(signed(good, evil)))).toBe('CERT_MALFORMED')
    expect(codeOf(judge(signed(evil, good)))).toBe('CERT_MALFORMED')
    expect(codeOf(judge(signed(extension(IDENTITY_OID, Buffer.alloc(0)))))).toBe('CERT_MALFORMED')
  })

  it('with an extension above every limit', () => {
    const leaf = derOf(issue({ extensions: CLIENT }))
    const signed = (size: number): Buffer =>
      withExtensions(
        leaf,
        [...extensionsOf(leaf), extension(IDENTITY_OID, Buffer.alloc(size, '{'))],
        userCa.keyPem,
      )
    expect(judge(signed(50 * 1024))).toMatchObject({
      code: 'CERT_MALFORMED',
      message: 'identity of 51200 bytes',
    })
    expect(judge(signed(1024 * 1024))).toMatchObject({
      code: 'CERT_MALFORMED',
      message: expect.stringContaining('is too large') as string,
    })
  })
})

describe('the trust of now', () => {
  const changing = (
    first: TrustBundle,
  ): { set(bundle: TrustBundle): void; get(): TrustBundle; calls(): number } => {
    let bundle = first
    let calls = 0
    return {
      set: (next) => {
        bundle = next
      },
      get: () => {
        calls += 1
        return bundle
      },
      calls: () => calls,
    }
  }

  it('a removed authority: the same peer is refused on its next request, and taken again after its return', () => {
    const bundle = changing(trust)
    const peers = createPeerParser({
      trust: bundle.get,
      teleportCluster: 'example',
      accept: ['user'],
    })
    const peer = peers.parse(derOf(issue({ extensions: [...CLIENT, identityLine(user)] })))
    expect(codeOf(peer.judge(NOW))).toBe('ok')
    bundle.set({ ...trust, revision: 2, userCas: [] })
    expect(codeOf(peer.judge(NOW))).toBe('CERT_UNKNOWN_AUTHORITY')
    bundle.set({ ...trust, revision: 3 })
    expect(codeOf(peer.judge(NOW))).toBe('ok')
  })

  it('what one connection was proven to be holds for the next of the same certificate, and for no longer than its authority', () => {
    const bundle = changing(trust)
    const peers = createPeerParser({
      trust: bundle.get,
      teleportCluster: 'example',
      accept: ['user'],
    })
    const der = derOf(issue({ extensions: [...CLIENT, identityLine(user)] }))
    const first = peers.parse(der).judge(NOW)
    const again = peers.parse(Buffer.from(der)).judge(NOW)
    expect(first.ok && again.ok && again.identity === first.identity).toBe(true)
    expect(codeOf(peers.parse(der).judge(NOW + 2 * HOUR))).toBe('CERT_EXPIRED')
    const other = Buffer.from(der)
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1
    expect(codeOf(peers.parse(other).judge(NOW))).not.toBe('ok')
    expect(codeOf(peers.parse(der).judge(NOW))).toBe('ok')
    bundle.set({ ...trust, revision: 2, userCas: [] })
    expect(codeOf(peers.parse(der).judge(NOW))).toBe('CERT_UNKNOWN_AUTHORITY')
  })

  it('an authority that moves from hosts to users vouches for users from then on', () => {
    const bundle = changing(trust)
    const peers = createPeerParser({
      trust: bundle.get,
      teleportCluster: 'example',
      accept: ['user'],
    })
    const der = derOf(issue({ issuer: hostCa, extensions: [...CLIENT, identityLine(user)] }))
    const peer = peers.parse(der)
    expect(codeOf(peer.judge(NOW))).toBe('CERT_WRONG_KIND')
    bundle.set({ revision: 2, userCas: trust.hostCas, hostCas: [] })
    expect(codeOf(peer.judge(NOW))).toBe('ok')
  })

  it('of several authorities of a kind, any one may vouch', () => {
    const next = pki.authority('/O=example/CN=user CA', NOW)
    const both = {
      ...trust,
      userCas: [trustedAuthority(next.certificatePem), ...trust.userCas],
    }
    for (const issuer of [userCa, next]) {
      const der = derOf(issue({ issuer, extensions: [...CLIENT, identityLine(user)] }))
      expect(codeOf(judge(der, { trust: both }))).toBe('ok')
    }
  })

  it('nobody vouches: everybody is refused', () => {
    const der = derOf(issue({ extensions: [...CLIENT, identityLine(user)] }))
    const nobody = { revision: 1, userCas: [], hostCas: [] }
    expect(codeOf(judge(der, { trust: nobody }))).toBe('CERT_UNKNOWN_AUTHORITY')
  })

  it('a service that is barred: the same peer is refused on its next judgement, with the reason', () => {
    let bar: string | null = null
    const peers = createPeerParser({
      trust: () => trust,
      teleportCluster: 'example',
      accept: ['host'],
      hostBar: (hostId) => (bar === null ? null : `${hostId} ${bar}`),
    })
    const der = derOf(issue({ issuer: hostCa, extensions: [...CLIENT, identityLine(host)] }))
    const peer = peers.parse(der)
    expect(codeOf(peer.judge(NOW))).toBe('ok')
    bar = 'was removed'
    expect(peer.judge(NOW)).toEqual({
      ok: false,
      code: 'CERT_REVOKED',
      message: `${host.hostId} was removed`,
    })
    // What began before the certificate ended goes on, but not for who was removed.
    expect(codeOf(peer.judge(NOW + 2 * HOUR))).toBe('CERT_REVOKED')
    bar = null
    expect(codeOf(peer.judge(NOW))).toBe('ok')
    expect(codeOf(peer.judge(NOW + 2 * HOUR))).toBe('CERT_EXPIRED')
  })

  it('is asked for on every judgement', () => {
    const bundle = changing(trust)
    const peers = createPeerParser({
      trust: bundle.get,
      teleportCluster: 'example',
      accept: ['user'],
    })
    const peer = peers.parse(derOf(issue({ extensions: [...CLIENT, identityLine(user)] })))
    const before = bundle.calls()
    for (let request = 0; request < 3; request += 1) peer.judge(NOW)
    expect(bundle.calls() - before).toBe(3)
  })
})
