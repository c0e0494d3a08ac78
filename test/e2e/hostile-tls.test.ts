import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { authServerName } from '../../src/protocol/index.ts'
import { extensionsOf, withExtensions } from '../support/forge.ts'
import { type OpensslAuthority, OpensslPki } from '../support/openssl.ts'
import { mustRun, runProgram } from '../support/process.ts'
import { resumes, withResumingServer } from '../support/resumption.ts'
import { clusters } from './support/environment.ts'
import { type Forgery, forgery } from './support/forgery.ts'
import { expectStatus, hostile, type Stage } from './support/hostile.ts'
import { type Credentials, open, talk } from './support/wire.ts'

type Order = (forged: Forgery, stage: Stage) => { key: string; certificate: string }
const pair = ({ keyPem, certificatePem }: OpensslAuthority): ReturnType<Order> => ({
  key: keyPem,
  certificate: certificatePem,
})
const DAY_MS = 86_400_000

const REFUSED: readonly (readonly [title: string, status: number, code: string, order: Order])[] = [
  [
    'an expired one',
    401,
    'CERT_EXPIRED',
    ({ issue }) => pair(issue({ notBeforeMs: Date.now() - DAY_MS, notAfterMs: Date.now() - 1000 })),
  ],
  [
    'one of tomorrow',
    401,
    'CERT_NOT_YET_VALID',
    ({ issue }) =>
      pair(issue({ notBeforeMs: Date.now() + DAY_MS, notAfterMs: Date.now() + 2 * DAY_MS })),
  ],
  [
    'one that signed itself',
    401,
    'CERT_UNKNOWN_AUTHORITY',
    ({ issue }) => pair(issue({ issuer: null })),
  ],
  [
    'one of a foreign authority with the same name',
    401,
    'CERT_UNKNOWN_AUTHORITY',
    ({ issue, pki }) => {
      const subject = '/O=e2e.example.com/CN=user CA of e2e.example.com'
      return pair(issue({ issuer: pki.authority(subject, Date.now()) }))
    },
  ],
  ['one for servers', 401, 'CERT_WRONG_USAGE', ({ issue }) => pair(issue({ usage: 'serverAuth' }))],
  ['one for nothing', 401, 'CERT_WRONG_USAGE', ({ issue }) => pair(issue({ usage: null }))],
  ['an authority', 401, 'CERT_WRONG_USAGE', ({ issue }) => pair(issue({ constraints: 'CA:TRUE' }))],
  ['one without identity', 401, 'CERT_MALFORMED', ({ issue }) => pair(issue({ identity: null }))],
  [
    'one of the host authority with a person in it',
    401,
    'CERT_WRONG_KIND',
    ({ issue, host }) => pair(issue({ issuer: host })),
  ],
  [
    'one of the user authority with a service in it',
    401,
    'CERT_WRONG_KIND',
    ({ issue, identity }) => {
      const { teleportCluster } = identity
      return pair(
        issue({ identity: { kind: 'host', teleportCluster, hostId: 'h', services: ['kube'] } }),
      )
    },
  ],
  [
    'a service’s',
    401,
    'CERT_WRONG_KIND',
    ({ issue, identity, host }) => {
      const { teleportCluster } = identity
      const named = { kind: 'host', teleportCluster, hostId: 'h', services: ['kube'] }
      return pair(issue({ issuer: host, usage: 'serverAuth,clientAuth', identity: named }))
    },
  ],
  [
    'an administrator’s',
    401,
    'CERT_WRONG_KIND',
    ({ issue, identity, host }) => {
      const { teleportCluster } = identity
      return pair(
        issue({ issuer: host, identity: { kind: 'admin', teleportCluster, hostId: 'h' } }),
      )
    },
  ],
  [
    'one of another Teleport cluster',
    401,
    'CERT_WRONG_CLUSTER',
    ({ issue, identity }) =>
      pair(issue({ identity: { ...identity, teleportCluster: 'other.example.com' } })),
  ],
  [
    'one that a person’s certificate signed, with that behind it',
    401,
    'CERT_UNKNOWN_AUTHORITY',
    ({ issue, user }) => {
      const person = issue({})
      const nested = issue({ issuer: person })
      return {
        key: nested.keyPem,
        certificate: nested.certificatePem + person.certificatePem + user.certificatePem,
      }
    },
  ],
  [
    'one of an authority below ours, with that behind it',
    401,
    'CERT_UNKNOWN_AUTHORITY',
    ({ issue, user }) => {
      const below = issue({ constraints: 'CA:TRUE' })
      const nested = issue({ issuer: below })
      return {
        key: nested.keyPem,
        certificate: nested.certificatePem + below.certificatePem + user.certificatePem,
      }
    },
  ],
  [
    'one whose extensions were exchanged after it was signed',
    401,
    'CERT_UNKNOWN_AUTHORITY',
    ({ issue, identity }, stage) => {
      const other = issue({ identity: { ...identity, user: `${stage.user}-admin` } })
      const own = issue({})
      const tampered = withExtensions(
        der(own.certificatePem),
        extensionsOf(der(other.certificatePem)),
      )
      return { key: own.keyPem, certificate: pem(tampered) }
    },
  ],
]

const der = (text: string): Buffer =>
  Buffer.from(text.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64')
const pem = (bytes: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64')}\n-----END CERTIFICATE-----\n`

hostile('TLS of a hostile client', (stage, cluster) => {
  const ask = async (credentials: Credentials, marker: string, ...lines: string[]) => {
    const text = stage().get(stage().path(marker), ...lines)
    const talked = await talk(stage().door(cluster), credentials, text, { answers: 1 })
    return talked.answers[0]
  }
  const forge = async (order: Order): Promise<Credentials> => {
    const forged = await forgery(
      join(stage().directory, 'data'),
      stage().credentials.certificate ?? '',
    )
    try {
      return { ca: stage().credentials.ca, ...order(forged, stage()) }
    } finally {
      forged.pki[Symbol.dispose]()
    }
  }

  it('a certificate forged with the real key is taken, so that each of the others has one fault', async () => {
    const marker = stage().marker()
    const answer = await ask(await forge(({ issue }) => pair(issue({}))), marker)
    expectStatus(answer?.body ?? '', 404)
    await stage().expectOnlyThePerson(cluster, marker)
  })

  for (const [title, status, code, order] of REFUSED) {
    it(`as certificate, ${title} is refused`, async () => {
      const marker = stage().marker()
      const answer = await ask(await forge(order), marker)
      expectStatus(answer?.body ?? '', status)
      stage().denied(marker, code, null)
      await stage().expectUnseen(cluster, marker)
    })
  }

  it('a token of a ServiceAccount opens nothing without a certificate', async () => {
    const path = `/api/v1/namespaces/${stage().team}/serviceaccounts/default/token`
    const request = join(stage().directory, 'token-request.json')
    await mustRun('sh', [
      '-c',
      `echo '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}' > ${request}`,
    ])
    const issued = await stage().direct(cluster, 'create', '--raw', path, '-f', request)
    const { token } = (JSON.parse(issued) as { status: { token: string } }).status
    const bare: Credentials = { ca: stage().credentials.ca, key: null, certificate: null }
    const marker = stage().marker()
    const answer = await ask(bare, marker, `Authorization: Bearer ${token}`)
    expectStatus(answer?.body ?? '', 401)
    expect(answer?.body).toContain('no client certificate')
    stage().denied(marker, 'CERT_MISSING', null)
    await stage().expectUnseen(cluster, marker)
    // With a certificate it is the person's request, whatever the token says.
    const other = stage().marker()
    const theirs = await ask(stage().credentials, other, `Authorization: Bearer ${token}`)
    expectStatus(theirs?.body ?? '', 404)
    await stage().expectOnlyThePerson(cluster, other)
  })

  const elsewhere = clusters.find((one) => one.auditLog !== null && one !== cluster)
  it.skipIf(elsewhere === undefined)(
    'the server name decides the cluster, not the request',
    async () => {
      if (elsewhere === undefined) throw new Error('skipped')
      const { serverName } = stage().door(elsewhere)
      const marker = stage().marker()
      const text = stage().get(stage().path(marker)).replace('kubernetes', serverName)
      expectStatus((await stage().ask(cluster, text)).body, 404)
      await stage().expectOnlyThePerson(cluster, marker)
      await stage().expectUnseen(elsewhere, marker)
      const socket = open(stage().door(cluster), stage().credentials, { ALPNProtocols: ['h2'] })
      const session = connectHttp2(`https://${serverName}`, { createConnection: () => socket })
      const markers = [stage().marker(), stage().marker()]
      for (const [index, one] of markers.entries()) {
        const authority = index === 0 ? serverName : stage().door(cluster).serverName
        const stream = session.request({ ':path': stage().path(one), ':authority': authority })
        let body = ''
        for await (const chunk of stream as AsyncIterable<Buffer>) body += chunk.toString()
        expectStatus(body, 404)
        await stage().expectOnlyThePerson(cluster, one)
      }
      session.destroy()
      await stage().expectUnseen(elsewhere, ...markers)
    },
  )

  it('a name in upper case is the same name', async () => {
    const marker = stage().marker()
    const { port, serverName } = stage().door(cluster)
    const door = { port, serverName: serverName.toUpperCase() }
    const { answers } = await talk(door, stage().credentials, stage().get(stage().path(marker)), {
      answers: 1,
    })
    expectStatus(answers[0]?.body ?? '', 404)
    await stage().expectOnlyThePerson(cluster, marker)
  })

  it.each([
    ['no name', ['-noservername']],
    ['an address', ['-servername', '127.0.0.1']],
    ['a foreign name', ['-servername', 'kubernetes.default.svc']],
    ['a dot at the end', ['-servername', 'NAME.']],
    ['two names with a blank', ['-servername', 'NAME other']],
    ['TLS 1.2', ['-servername', 'NAME', '-tls1_2']],
  ])('%s ends before there is a way to send anything', async (_title, flags) => {
    const { port, serverName } = stage().door(cluster)
    const filled = flags.map((flag) => flag.replace('NAME', serverName))
    const { stdout, stderr } = await runProgram('openssl', [
      ...['s_client', '-connect', `127.0.0.1:${port}`],
      ...filled,
    ])
    expect(stdout).toContain('no peer certificate available')
    expect(stderr).toMatch(/SSL alert number (112|50|70)/)
  })

  it('an unknown cluster is denied in words, and audited', async () => {
    const marker = stage().marker()
    const { port } = stage().door(cluster)
    const door = { port, serverName: `k-${'a'.repeat(32)}.teleport.cluster.local` }
    const { answers } = await talk(door, stage().credentials, stage().get(stage().path(marker)), {
      answers: 1,
    })
    expectStatus(answers[0]?.body ?? '', 403)
    stage().denied(marker, 'CLUSTER_UNKNOWN')
    await stage().expectUnseen(cluster, marker)
  })

  describe('sessions', () => {
    /** As the server behind each port is called; browsers that go to an address name none. */
    const named = {
      kube: () => stage().door(cluster).serverName,
      auth: () => authServerName('e2e.example.com'),
      web: () => '',
    }
    const connection = (port: keyof typeof named): ConnectionOptions => ({
      host: '127.0.0.1',
      port: stage().daemon.ports[port],
      servername: named[port](),
      rejectUnauthorized: false,
      key: stage().credentials.key ?? undefined,
      cert: stage().credentials.certificate ?? undefined,
    })

    it.each([
      ['kube', 'h2', 'TLSv1.3'],
      ['kube', 'http/1.1', 'TLSv1.3'],
      ['auth', 'http/1.1', 'TLSv1.3'],
      ['web', 'http/1.1', 'TLSv1.3'],
      ['web', 'http/1.1', 'TLSv1.2'],
    ] as const)('are not resumed on the %s port by %s in %s', async (port, protocol, version) => {
      const options = connection(port)
      const heard = await resumes({ ...options, ALPNProtocols: [protocol], maxVersion: version })
      expect(heard.given).toBeGreaterThan(0)
      expect(heard.reused).toBe(false)
    })

    it.each(['TLSv1.3', 'TLSv1.2'] as const)(
      'would be seen if they were, in %s',
      async (version) => {
        const { keyPem: key, certificatePem: certificate } = new OpensslPki().issue({
          issuer: null,
          subject: '/CN=control',
          notBeforeMs: Date.now() - 60_000,
          notAfterMs: Date.now() + DAY_MS,
          extensions: [],
        })
        const heard = await withResumingServer({ key, certificate }, (port) =>
          resumes({ host: '127.0.0.1', port, rejectUnauthorized: false, maxVersion: version }),
        )
        expect(heard.reused).toBe(true)
      },
    )
  })
})
