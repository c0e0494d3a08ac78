import { expect, it } from 'vitest'
import type { Cluster } from './support/environment.ts'
import { expectStatus, hostile, type Stage } from './support/hostile.ts'
import { type Field, headersFrame, talk, talkHttp2 } from './support/wire.ts'

/** Header lines that ask for more than the roles give, and what they get for it. */
const ASKING: readonly (readonly [code: string, lines: readonly Field[]])[] = [
  ...['Impersonate-User', 'impersonate-user', 'IMPERSONATE-USER', 'iMpErSoNaTe-uSeR'].map(
    (name) => ['IMPERSONATION_DENIED', [[name, 'system:admin']]] as const,
  ),
  ...['Impersonate-Group', 'impersonate-group', 'IMPERSONATE-GROUP'].map(
    (name) => ['IMPERSONATION_DENIED', [[name, 'system:masters']]] as const,
  ),
  // Some servers on the way take an underscore for a dash.
  ['IMPERSONATION_DENIED', [['Impersonate_User', 'system:admin']]],
  ['IMPERSONATION_DENIED', [['impersonate_group', 'system:masters']]],
  ['IMPERSONATION_UNSUPPORTED', [['Impersonate-Uid', '1']]],
  ['IMPERSONATION_UNSUPPORTED', [['impersonate_uid', '1']]],
  ['IMPERSONATION_UNSUPPORTED', [['Impersonate-Extra-Scopes', 'all']]],
  ['IMPERSONATION_UNSUPPORTED', [['impersonate-extra-acme.com%2fproject', 'p']]],
  ['IMPERSONATION_UNSUPPORTED', [['Impersonate-Users', 'system:admin']]],
  ['IMPERSONATION_UNSUPPORTED', [['Impersonate-', 'system:admin']]],
  // Blanks around a value, and values that are nearly those that the roles give.
  ['IMPERSONATION_DENIED', [['Impersonate-User', '  system:admin\t']]],
  ['IMPERSONATION_DENIED', [['Impersonate-Group', 'TEAM,system:masters']]],
  ['IMPERSONATION_DENIED', [['Impersonate-Group', 'TEAM, system:masters']]],
  ['IMPERSONATION_DENIED', [['Impersonate-Group', 'TEAM\u00a0']]],
  ['IMPERSONATION_DENIED', [['Impersonate-User', 'USER,system:admin']]],
  // Duplicates, the harmless one first or last.
  [
    'IMPERSONATION_DENIED',
    [
      ['Impersonate-User', 'USER'],
      ['Impersonate-User', 'system:admin'],
    ],
  ],
  [
    'IMPERSONATION_DENIED',
    [
      ['Impersonate-User', 'system:admin'],
      ['impersonate-user', 'USER'],
    ],
  ],
  [
    'IMPERSONATION_DENIED',
    [
      ['Impersonate-Group', 'TEAM'],
      ['Impersonate-Group', 'system:masters'],
    ],
  ],
]

/** What a client may say about itself or its connection, to no effect. */
const HARMLESS: readonly (readonly Field[])[] = [
  [['Authorization', 'Bearer forged']],
  [['authorization', 'Basic YWRtaW46YWRtaW4=']],
  [
    ['X-Remote-User', 'system:admin'],
    ['X-Remote-Group', 'system:masters'],
    ['X-Remote-Extra-Scopes', 'all'],
    ['x_remote_user', 'system:admin'],
  ],
  [
    ['X-Forwarded-For', '10.0.0.1'],
    ['X-Forwarded-Host', 'elsewhere.example.com'],
    ['X-Forwarded-Proto', 'http'],
    ['X-Forwarded-User', 'system:admin'],
    ['Forwarded', 'for=10.0.0.1;host=elsewhere.example.com'],
    ['Via', '1.1 elsewhere'],
    ['X-Real-Ip', '10.0.0.1'],
  ],
  [
    ['X-Teleport-User', 'system:admin'],
    ['X-Teleport-Impersonate-User', 'system:admin'],
    ['X-Original-Uri', '/api/v1/secrets'],
    ['X-Envoy-Original-Path', '/api/v1/secrets'],
    ['X-Http-Method-Override', 'DELETE'],
    ['X-Impersonate-User', 'system:admin'],
  ],
  [
    ['Impersonate-User', ''],
    ['Impersonate-Group', ''],
  ],
  [['Impersonate-User', 'USER']],
  [['Impersonate-Group', 'TEAM']],
  [['Impersonate', 'system:admin']],
  [['Cookie', 'session=forged']],
]

/** Headers of one connection: what they name must not take ours away. */
const HOP_BY_HOP: readonly (readonly Field[])[] = [
  [['Connection', 'Impersonate-User, Impersonate-Group, Authorization']],
  [['connection', 'impersonate-user,impersonate-group,AUTHORIZATION']],
  [['CONNECTION', 'close, iMpErSoNaTe-UsEr ,\tIMPERSONATE-GROUP , impersonate_user']],
  [
    ['Connection', 'keep-alive'],
    ['connection', 'Impersonate-User'],
    ['Connection', 'Impersonate-Group'],
    ['Connection', 'Host, User-Agent, Accept'],
  ],
  [['Proxy-Connection', 'Impersonate-User, Impersonate-Group']],
  [
    ['Keep-Alive', 'Impersonate-User'],
    ['Connection', 'Keep-Alive, Impersonate-User'],
  ],
  [
    ['TE', 'trailers, Impersonate-User'],
    ['Trailer', 'Impersonate-User, Impersonate-Group'],
    ['Connection', 'TE, Trailer, Impersonate-Group'],
  ],
  [
    ['Proxy-Authorization', 'Basic YWRtaW46YWRtaW4='],
    ['Proxy-Authenticate', 'Basic'],
  ],
  // Upgrade without Connection is only a header.
  [['Upgrade', 'Impersonate-User']],
  [
    ['Upgrade', 'h2c'],
    ['HTTP2-Settings', 'AAMAAABkAARAAAAAAAIAAAAA'],
    ['Connection', 'HTTP2-Settings, Impersonate-User'],
  ],
]

/** Not HTTP: nobody downstream may get to interpret it. */
const BROKEN_LINES = [
  'Impersonate-User : system:admin',
  ' Impersonate-User: system:admin',
  'X-A: b\r\n Impersonate-User: system:admin',
  'X-A: b\r\n\tImpersonate-User: system:admin',
  'X-A: b\nImpersonate-User: system:admin',
  'X-A: b\rImpersonate-User: system:admin',
  'X-A: b\0\r\nX-B: c',
  'Impersonate-User\0: system:admin',
  'Impersonate-\u00dcser: system:admin',
  'Impersonate-User',
  ': system:admin',
]

hostile('headers of a hostile client', (stage, cluster) => {
  const filled = (fields: readonly Field[]): Field[] =>
    fields.map(([name, value]) => [
      name,
      value.replace('USER', stage().user).replace('TEAM', stage().team),
    ])

  it('a plain request of the person is seen, so that what is not seen was not there', async () => {
    for (const ask of [byHttp1, byHttp2]) {
      const marker = stage().marker()
      const body = await ask(stage(), cluster, marker, [])
      expectStatus(body, 404)
      await stage().expectOnlyThePerson(cluster, marker)
    }
  })

  for (const [protocol, ask] of [
    ['HTTP/1.1', (...args: Parameters<typeof byHttp1>) => byHttp1(...args)],
    ['HTTP/2', (...args: Parameters<typeof byHttp1>) => byHttp2(...args)],
  ] as const) {
    for (const [code, fields] of ASKING) {
      it(`${protocol}: ${titleOf(fields)} is refused`, async () => {
        const marker = stage().marker()
        const body = await ask(stage(), cluster, marker, filled(fields))
        expectStatus(body, 403)
        stage().denied(marker, code)
        await stage().expectUnseen(cluster, marker)
      })
    }

    for (const fields of HARMLESS) {
      it(`${protocol}: ${titleOf(fields)} changes nothing`, async () => {
        const marker = stage().marker()
        const body = await ask(stage(), cluster, marker, filled(fields))
        expectStatus(body, 404)
        await stage().expectOnlyThePerson(cluster, marker)
        const [seen] = await stage().seen(cluster, marker)
        expect(seen).toMatchObject({ verb: 'get', requestURI: stage().path(marker) })
        // The address is ours: nobody may claim another one before the API server.
        expect(seen?.sourceIPs).toEqual(['127.0.0.1'])
      })
    }
  }

  for (const fields of HOP_BY_HOP) {
    it(`HTTP/1.1: ${titleOf(fields)} takes nothing of ours away`, async () => {
      const marker = stage().marker()
      const body = await byHttp1(stage(), cluster, marker, fields)
      expectStatus(body, 404)
      await stage().expectOnlyThePerson(cluster, marker)
    })
  }

  it.each([
    ['Connection', 'Impersonate-User, Impersonate-Group'],
    ['Impersonate-User', 'system:admin'],
    ['connection', 'close'],
    ['connection', 'impersonate-user'],
    ['proxy-connection', 'impersonate-user'],
    ['keep-alive', 'timeout=5'],
    ['transfer-encoding', 'chunked'],
    ['upgrade', 'websocket'],
    ['te', 'gzip'],
  ])('HTTP/2: the header %s: %s breaks the stream', async (name, value) => {
    const marker = stage().marker()
    const talked = await talkHttp2(stage().door(cluster), stage().credentials, [
      headersFrame([...pseudo(stage(), marker), [name, value]]),
    ])
    expect(talked.reset ?? talked.goaway).not.toBeNull()
    await stage().expectUnseen(cluster, marker)
  })

  it.each(BROKEN_LINES)('HTTP/1.1: the line %j is no request', async (line) => {
    const marker = stage().marker()
    const { answers, closed } = await talk(
      stage().door(cluster),
      stage().credentials,
      stage().get(stage().path(marker), line),
    )
    expect(answers.map(({ status }) => status)).toEqual([400])
    expectStatus(answers[0]?.body ?? '', 400)
    expect(closed).toBe(true)
    await stage().expectUnseen(cluster, marker)
  })

  it.each([
    ['a value with CR LF', ['x-a', 'b\r\nimpersonate-user: system:admin']],
    ['a value with LF', ['x-a', 'b\nimpersonate-user: system:admin']],
    ['a value with NUL', ['x-a', 'b\0c']],
    ['a name with CR LF', ['x-a\r\nimpersonate-user', 'system:admin']],
    ['a name with a blank', ['impersonate-user ', 'system:admin']],
    ['a name with a colon', ['x:impersonate-user', 'system:admin']],
  ] as const)('HTTP/2: %s is as if it had not been sent', async (_what, field) => {
    const marker = stage().marker()
    const talked = await talkHttp2(stage().door(cluster), stage().credentials, [
      headersFrame([...pseudo(stage(), marker), field]),
    ])
    expectStatus(talked.body, 404)
    await stage().expectOnlyThePerson(cluster, marker)
    const [seen] = await stage().seen(cluster, marker)
    expect(seen?.requestURI).toBe(stage().path(marker))
  })
})

const titleOf = (fields: readonly Field[]): string =>
  fields.map(([name, value]) => JSON.stringify(`${name}: ${value}`)).join(', ')

async function byHttp1(
  stage: Stage,
  cluster: Cluster,
  marker: string,
  fields: readonly Field[],
): Promise<string> {
  const lines = fields.map(([name, value]) => `${name}: ${value}`)
  return (await stage.ask(cluster, stage.get(stage.path(marker), ...lines))).body
}

async function byHttp2(
  stage: Stage,
  cluster: Cluster,
  marker: string,
  fields: readonly Field[],
): Promise<string> {
  const lowered = fields.map(([name, value]): Field => [name.toLowerCase(), value])
  const talked = await talkHttp2(stage.door(cluster), stage.credentials, [
    headersFrame([...pseudo(stage, marker), ...lowered]),
  ])
  expect(talked).toMatchObject({ ended: true, goaway: null })
  return talked.body
}

const pseudo = (stage: Stage, marker: string): Field[] => [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'kubernetes'],
  [':path', stage.path(marker)],
]
