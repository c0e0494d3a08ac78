import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ExecPlugin } from '../../../src/kube/index.ts'
import { defaultUpstreamLimits, type KubeTarget } from '../../../src/upstream/index.ts'
import {
  ask,
  follow,
  manualClock,
  open,
  recordingLogger,
  targetAt,
  until,
} from './support/client.ts'
import { createPki, type KeyedCertificate, type Pki } from './support/pki.ts'
import { startHttp2, startHttps, type TestServer } from './support/servers.ts'

let pki: Pki
let identity: KeyedCertificate
let directory: string

beforeAll(async () => {
  pki = await createPki()
  identity = await pki.server()
  directory = await mkdtemp(join(tmpdir(), 'upstream-'))
})

afterAll(async () => {
  await rm(directory, { recursive: true })
})

const trusted = (): { certificateAuthority: { kind: 'data'; pem: string } } => ({
  certificateAuthority: { kind: 'data', pem: pki.ca },
})

/** Answers with who the peer is: certificate subject and Authorization. */
function startWhoAmI(status: (authorization: string) => number = () => 200): Promise<TestServer> {
  return startHttps(
    { ...identity, requestCert: true, ca: pki.ca, rejectUnauthorized: false },
    (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate()
      const authorization = request.headers.authorization ?? 'none'
      response.writeHead(status(authorization))
      response.end(`${subject?.CN ?? 'nobody'} ${authorization}`)
    },
  )
}

async function file(name: string, content: string): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, content)
  return path
}

describe('static credentials', () => {
  test.each([
    [{ kind: 'none' }, 'nobody none'],
    [{ kind: 'token', token: 'abc' }, 'nobody Bearer abc'],
    [
      { kind: 'basic', username: 'joe', password: 'p\u00e4:s' },
      `nobody Basic ${Buffer.from('joe:p\u00e4:s').toString('base64')}`,
    ],
  ] as const)('%j', async (login, who) => {
    await using server = await startWhoAmI()
    await using upstream = open(targetAt(server.port, { ...trusted(), login }))
    expect((await ask(upstream)).text).toBe(who)
  })

  test('client certificate and token together', async () => {
    const { cert, key } = await pki.client('agent')
    await using server = await startWhoAmI()
    await using upstream = open(
      targetAt(server.port, {
        ...trusted(),
        clientCertificate: {
          certificate: { kind: 'data', pem: cert },
          key: { kind: 'data', pem: key },
        },
        login: { kind: 'token', token: 'abc' },
      }),
    )
    expect((await ask(upstream)).text).toBe('agent Bearer abc')
  })
})

describe('files', () => {
  test('a rotated token is sent without a restart', async () => {
    const clock = manualClock()
    const path = await file('token', 'one\n')
    await using server = await startWhoAmI()
    await using upstream = open(
      targetAt(server.port, { ...trusted(), login: { kind: 'tokenFile', path } }),
      { clock },
    )
    expect((await ask(upstream)).text).toBe('nobody Bearer one')
    await writeFile(path, 'two')
    expect((await ask(upstream)).text).toBe('nobody Bearer one')
    clock.advance(defaultUpstreamLimits.fileRecheckMs)
    expect((await ask(upstream)).text).toBe('nobody Bearer two')
    expect(server.accepted()).toBe(1)
  })

  test('a token that is refused is read again for the next request', async () => {
    const clock = manualClock()
    const path = await file('refused-token', 'old')
    await using server = await startWhoAmI((authorization) =>
      authorization === 'Bearer new' ? 200 : 401,
    )
    await using upstream = open(
      targetAt(server.port, { ...trusted(), login: { kind: 'tokenFile', path } }),
      { clock },
    )
    await writeFile(path, 'new')
    expect((await ask(upstream, { target: '/api' })).status).toBe(200)
    await writeFile(path, 'old')
    clock.advance(defaultUpstreamLimits.fileRecheckMs)
    expect((await ask(upstream)).status).toBe(401)
    await writeFile(path, 'new')
    expect((await ask(upstream)).status).toBe(200)
  })

  test('a rotated client certificate: new requests show the new one, old watches go on', async () => {
    const clock = manualClock()
    const log = recordingLogger()
    const first = await pki.client('first')
    const second = await pki.client('second')
    const certificate = await file('client.crt', first.cert)
    const key = await file('client.key', first.key)
    const events: ((text: string) => void)[] = []
    await using server = await startHttp2(
      { ...identity, allowHTTP1: true, requestCert: true, ca: pki.ca },
      (stream) => {
        const socket = stream.session?.socket as TLSSocket
        stream.respond({ ':status': 200 })
        stream.write(socket.getPeerCertificate().subject.CN)
        events.push((text) => stream.end(text))
      },
    )
    await using upstream = open(
      targetAt(server.port, {
        ...trusted(),
        clientCertificate: {
          certificate: { kind: 'file', path: certificate },
          key: { kind: 'file', path: key },
        },
      }),
      { clock, log },
    )
    const old = follow(upstream, { longRunning: true })
    expect((await old.firstData).toString()).toBe('first')

    await writeFile(certificate, second.cert)
    clock.advance(defaultUpstreamLimits.fileRecheckMs)
    const halfway = follow(upstream, { longRunning: true })
    expect((await halfway.firstData).toString()).toBe('first')
    expect(log.lines.map(({ message }) => message)).toEqual([
      'credential files cannot be read, going on with the last good ones',
    ])

    await writeFile(key, second.key)
    clock.advance(defaultUpstreamLimits.fileRecheckMs)
    const fresh = follow(upstream, { longRunning: true })
    expect((await fresh.firstData).toString()).toBe('second')
    for (const finish of events) finish(' bye')
    const ends = await Promise.all([old.ended, halfway.ended, fresh.ended])
    expect(ends.map(({ text }) => text)).toEqual(['first bye', 'first bye', 'second bye'])
    await until(() => server.sessions.size === 1)
  })

  test('a rotated CA is trusted without a restart, the old one no longer', async () => {
    const clock = manualClock()
    const other = await createPki('other')
    const path = await file('ca.crt', other.ca)
    await using server = await startWhoAmI()
    await using upstream = open(
      targetAt(server.port, { certificateAuthority: { kind: 'file', path } }),
      { clock },
    )
    expect(await follow(upstream).failed).toMatchObject({ code: 'UPSTREAM_TLS' })
    await writeFile(path, pki.ca)
    clock.advance(defaultUpstreamLimits.fileRecheckMs)
    expect((await ask(upstream)).status).toBe(200)
    await writeFile(path, other.ca)
    clock.advance(defaultUpstreamLimits.fileRecheckMs)
    expect(await follow(upstream).failed).toMatchObject({ code: 'UPSTREAM_TLS' })
  })

  test('a file that is gone for a moment does not stop what was read before', async () => {
    const clock = manualClock()
    const path = await file('fleeting', 'token')
    await using server = await startWhoAmI()
    await using upstream = open(
      targetAt(server.port, { ...trusted(), login: { kind: 'tokenFile', path } }),
      { clock },
    )
    await ask(upstream)
    await rm(path)
    clock.advance(defaultUpstreamLimits.fileRecheckMs)
    expect((await ask(upstream)).text).toBe('nobody Bearer token')
  })

  test.each([
    ['missing', null, 'tokenFile: cannot read DIR/missing (ENOENT)'],
    ['empty', ' \n', 'tokenFile: DIR/empty is empty'],
    ['crlf', 'a\r\nb', 'tokenFile: DIR/crlf holds characters that no HTTP header may have'],
  ])('a token file that is %s is UPSTREAM_CREDENTIALS', async (name, content, words) => {
    const path = content === null ? join(directory, name) : await file(name, content)
    await using upstream = open(targetAt(1, { ...trusted(), login: { kind: 'tokenFile', path } }))
    expect(await follow(upstream).failed).toMatchObject({
      code: 'UPSTREAM_CREDENTIALS',
      message: `credentials of cluster west: ${words.replace('DIR', directory)}`,
    })
  })
})

/** A plugin that counts its runs and prints what the test put into `<name>.json`; `body` may do more. */
async function plugin(
  name: string,
  body = `cat "${'$'}DIRECTORY/${name}.json"`,
  fields: Partial<ExecPlugin> = {},
): Promise<ExecPlugin> {
  const path = await file(
    `${name}.sh`,
    `#!/bin/sh\necho run >>"$DIRECTORY/${name}.runs"\n${body}\n`,
  )
  await chmod(path, 0o755)
  return {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: path,
    args: ['one', 'two'],
    env: [{ name: 'DIRECTORY', value: directory }],
    provideClusterInfo: false,
    installHint: null,
    ...fields,
  }
}

async function issues(name: string, status: Readonly<Record<string, unknown>>): Promise<void> {
  await file(
    `${name}.json`,
    JSON.stringify({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status,
    }),
  )
}

async function runs(name: string): Promise<number> {
  const text = await readFile(join(directory, `${name}.runs`), 'utf8').catch(() => '')
  return text.split('\n').length - 1
}

function execTarget(port: number, exec: ExecPlugin, fields: Partial<KubeTarget> = {}): KubeTarget {
  return targetAt(port, {
    ...trusted(),
    login: { kind: 'exec', exec, execConfig: { a: 1 } },
    ...fields,
  })
}

describe('an exec plugin', () => {
  test('is run once for all who wait, and its token is kept until shortly before it expires', async () => {
    const clock = manualClock()
    const exec = await plugin('token')
    const expiry = clock.now() + 3_600_000
    await issues('token', { token: 'first', expirationTimestamp: new Date(expiry).toISOString() })
    await using server = await startWhoAmI()
    await using upstream = open(execTarget(server.port, exec), { clock })
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(upstream)))
    expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['nobody Bearer first']))
    expect(await runs('token')).toBe(1)

    await issues('token', {
      token: 'second',
      expirationTimestamp: new Date(expiry + 3_600_000).toISOString(),
    })
    clock.advance(3_600_000 - defaultUpstreamLimits.execRenewMarginMs - 1)
    await ask(upstream)
    expect(await runs('token')).toBe(1)
    clock.advance(1)
    expect((await ask(upstream)).text).toBe('nobody Bearer first')
    await until(() => true)
    let text = ''
    while (text !== 'nobody Bearer second') text = (await ask(upstream)).text
    expect(await runs('token')).toBe(2)
  })

  test('with a short-lived token is not run for each request', async () => {
    const clock = manualClock()
    const exec = await plugin('short')
    await issues('short', {
      token: 't',
      expirationTimestamp: new Date(clock.now() + 30_000).toISOString(),
    })
    await using server = await startWhoAmI()
    await using upstream = open(execTarget(server.port, exec), { clock })
    await ask(upstream)
    clock.advance(20_000)
    await ask(upstream)
    expect(await runs('short')).toBe(1)
  })

  test('may issue a client certificate, and connections change with it', async () => {
    const clock = manualClock()
    const exec = await plugin('certificate')
    const issue = async (name: string, ms: number): Promise<void> => {
      const { cert, key } = await pki.client(name)
      await issues('certificate', {
        clientCertificateData: cert,
        clientKeyData: key,
        expirationTimestamp: new Date(clock.now() + ms).toISOString(),
      })
    }
    await using server = await startWhoAmI()
    await using upstream = open(execTarget(server.port, exec), { clock })
    await issue('first', 60_000)
    expect((await ask(upstream)).text).toBe('first none')
    await issue('second', 600_000)
    clock.advance(60_000)
    expect((await ask(upstream)).text).toBe('second none')
    const connection = await upstream.dialForUpgrade(new AbortController().signal)
    expect((connection.socket as TLSSocket).authorized).toBe(true)
    connection.socket.destroy()
    await until(() => server.sockets.size === 1)
  })

  test('is told about the cluster when it asks, never has a terminal or input, and gets its arguments', async () => {
    const exec = await plugin(
      'info',
      `printf '%s' "$KUBERNETES_EXEC_INFO" >"$DIRECTORY/info.out"
       cat >"$DIRECTORY/info.in"
       (tty || true) >"$DIRECTORY/info.tty"
       printf '%s\\n' "$@" >"$DIRECTORY/info.args"
       cat "$DIRECTORY/info.json"`,
      { provideClusterInfo: true },
    )
    await issues('info', { token: 't' })
    await using server = await startWhoAmI()
    await using upstream = open(
      execTarget(server.port, exec, { tlsServerName: 'localhost', basePath: '/b' }),
    )
    await ask(upstream)
    expect(JSON.parse(await readFile(join(directory, 'info.out'), 'utf8'))).toEqual({
      kind: 'ExecCredential',
      apiVersion: 'client.authentication.k8s.io/v1',
      spec: {
        interactive: false,
        cluster: {
          server: `https://127.0.0.1:${server.port}/b`,
          'tls-server-name': 'localhost',
          'certificate-authority-data': Buffer.from(pki.ca).toString('base64'),
          config: { a: 1 },
        },
      },
    })
    expect(await readFile(join(directory, 'info.in'), 'utf8')).toBe('')
    expect(await readFile(join(directory, 'info.tty'), 'utf8')).toBe('not a tty\n')
    expect(await readFile(join(directory, 'info.args'), 'utf8')).toBe('one\ntwo\n')
  })

  test('is run again after a 401, for the next request, and not for each of many', async () => {
    const clock = manualClock()
    const exec = await plugin('refused')
    await issues('refused', { token: 'old' })
    await using server = await startWhoAmI((authorization) =>
      authorization === 'Bearer new' ? 200 : 401,
    )
    await using upstream = open(execTarget(server.port, exec), { clock })
    const refused = await Promise.all([ask(upstream), ask(upstream)])
    expect(refused.map(({ status }) => status)).toEqual([401, 401])
    expect(await runs('refused')).toBe(1)
    await issues('refused', { token: 'newer' })
    expect((await ask(upstream)).text).toBe('nobody Bearer newer')
    expect(await runs('refused')).toBe(2)
    await issues('refused', { token: 'new' })
    for (let round = 0; round < 5; round += 1) expect((await ask(upstream)).status).toBe(401)
    expect(await runs('refused')).toBe(2)
    clock.advance(defaultUpstreamLimits.refusalIntervalMs)
    expect((await ask(upstream)).status).toBe(401)
    expect((await ask(upstream)).status).toBe(200)
    expect(await runs('refused')).toBe(3)
  })

  test('is run again after a 401 of an upgrade', async () => {
    const exec = await plugin('upgrade')
    await issues('upgrade', { token: 'old' })
    await using server = await startWhoAmI()
    await using upstream = open(execTarget(server.port, exec), { clock: manualClock() })
    const dialled = async (): Promise<string | null> => {
      const connection = await upstream.dialForUpgrade(new AbortController().signal)
      connection.socket.destroy()
      if (connection.authorization === 'Bearer old') connection.refused()
      return connection.authorization
    }
    expect(await dialled()).toBe('Bearer old')
    await issues('upgrade', { token: 'new' })
    expect(await dialled()).toBe('Bearer new')
    expect(await dialled()).toBe('Bearer new')
    expect(await runs('upgrade')).toBe(2)
  })

  test('is not waited for by an upgrade whose client has left', async () => {
    const exec = await plugin('left')
    await issues('left', { token: 't' })
    await using server = await startWhoAmI()
    await using upstream = open(execTarget(server.port, exec))
    const client = new AbortController()
    const dialled = upstream.dialForUpgrade(client.signal)
    client.abort()
    await expect(dialled).rejects.toMatchObject({ code: 'ABORTED' })
    expect((await ask(upstream)).text).toBe('nobody Bearer t')
  })

  test('is not run for the 401 of a pod behind the API server', async () => {
    const exec = await plugin('behind')
    await issues('behind', { token: 't' })
    await using server = await startWhoAmI(() => 401)
    await using upstream = open(execTarget(server.port, exec))
    for (let round = 0; round < 3; round += 1) {
      await ask(upstream, { target: '/api/v1/namespaces/a/services/b/proxy/login' })
    }
    expect(await runs('behind')).toBe(1)
  })

  test('that fails is UPSTREAM_CREDENTIALS with its words, and left alone for a while', async () => {
    const clock = manualClock()
    const log = recordingLogger()
    const secret = 'eyJhbGciOiJSUzI1NiIsImtpZCI6InNlY3JldCJ9abcdef'
    const exec = await plugin(
      'failing',
      `echo '{"token":"${secret}"}'; echo "no session for ${secret} and hunter2hunter2" >&2; exit 3`,
      {
        env: [
          { name: 'DIRECTORY', value: directory },
          { name: 'PASSWORD', value: 'hunter2hunter2' },
        ],
      },
    )
    await using server = await startWhoAmI()
    await using upstream = open(execTarget(server.port, exec), { clock, log })
    const failure = await follow(upstream).failed
    expect(failure).toMatchObject({
      code: 'UPSTREAM_CREDENTIALS',
      message: `credentials of cluster west: exec plugin ${exec.command} exited with 3: no session for [redacted] and [redacted]`,
    })
    expect(JSON.stringify(log.lines)).not.toContain(secret)
    expect(await follow(upstream).failed).toMatchObject({ code: 'UPSTREAM_CREDENTIALS' })
    expect(await runs('failing')).toBe(1)
    const { execBackoffMs } = defaultUpstreamLimits
    for (const [waitMs, wanted] of [
      [execBackoffMs, 2],
      [execBackoffMs, 2],
      [execBackoffMs, 3],
      [defaultUpstreamLimits.maxExecBackoffMs, 4],
    ] as const) {
      clock.advance(waitMs)
      await follow(upstream).failed
      expect(await runs('failing')).toBe(wanted)
    }
    expect(server.accepted()).toBe(0)
  })

  test('that fails while its last credential is still valid is only logged', async () => {
    const clock = manualClock()
    const log = recordingLogger()
    const exec = await plugin('later')
    await issues('later', {
      token: 't',
      expirationTimestamp: new Date(clock.now() + 600_000).toISOString(),
    })
    await using server = await startWhoAmI()
    await using upstream = open(execTarget(server.port, exec), { clock, log })
    await ask(upstream)
    await file('later.json', 'not json')
    clock.advance(600_000 - defaultUpstreamLimits.execRenewMarginMs)
    expect((await ask(upstream)).text).toBe('nobody Bearer t')
    await until(() => log.lines.length === 1)
    expect(log.lines[0]?.message).toBe(
      'exec plugin failed, going on with the credential that it issued before',
    )
    expect((await ask(upstream)).text).toBe('nobody Bearer t')
    clock.advance(defaultUpstreamLimits.execRenewMarginMs)
    expect(await follow(upstream).failed).toMatchObject({ code: 'UPSTREAM_CREDENTIALS' })
  })

  test('that hangs is killed, with its children', async () => {
    const exec = await plugin('hanging', `sleep 1000 & echo $! >"$DIRECTORY/hanging.pid"; wait`)
    await using upstream = open(execTarget(1, exec), { limits: { execTimeoutMs: 300 } })
    expect((await follow(upstream).failed).message).toContain(
      'took longer than 0.3 s and was killed',
    )
    const pid = Number(await readFile(join(directory, 'hanging.pid'), 'utf8'))
    await until(() => {
      try {
        process.kill(pid, 0)
        return false
      } catch {
        return true
      }
    })
  })

  test('that leaves a child behind is not waited for', async () => {
    const exec = await plugin(
      'child',
      `sleep 60 & echo $! >"$DIRECTORY/child.pid"; cat "$DIRECTORY/child.json"`,
    )
    await issues('child', { token: 't' })
    await using server = await startWhoAmI()
    await using upstream = open(execTarget(server.port, exec))
    expect((await ask(upstream)).text).toBe('nobody Bearer t')
    process.kill(Number(await readFile(join(directory, 'child.pid'), 'utf8')))
  })

  test.each([
    ['prints-too-much', 'yes', 'printed more than 1048576 bytes'],
    ['prints-nothing', 'true', 'did not print an ExecCredential as JSON'],
    ['prints-other', 'echo "{}"', 'printed no ExecCredential'],
    ['is-killed', 'kill -9 $$', 'was ended by SIGKILL'],
  ])('that %s is UPSTREAM_CREDENTIALS', async (name, body, words) => {
    const exec = await plugin(name, body)
    await using upstream = open(execTarget(1, exec))
    const failure = await follow(upstream).failed
    expect(failure.code).toBe('UPSTREAM_CREDENTIALS')
    expect(failure.message).toContain(words)
  })

  test.each([
    ['nothing in it', {}, 'printed neither a token nor a client certificate'],
    [
      'half a certificate',
      { clientCertificateData: 'x' },
      'printed clientCertificateData without clientKeyData',
    ],
    [
      'a bad token',
      { token: 'a b' },
      'printed a token with characters that no HTTP header may have',
    ],
    [
      'a bad certificate',
      { clientCertificateData: 'x', clientKeyData: 'y' },
      'client-certificate: ',
    ],
    [
      'an odd time',
      { token: 't', expirationTimestamp: 'soon' },
      'expirationTimestamp that is no time',
    ],
    [
      'an old time',
      { token: 't', expirationTimestamp: '2020-01-01T00:00:00Z' },
      'expired at 2020-01-01T00:00:00Z',
    ],
  ])('that prints %s is UPSTREAM_CREDENTIALS', async (_what, status, words) => {
    const exec = await plugin('odd')
    await issues('odd', status)
    await using upstream = open(execTarget(1, exec))
    const failure = await follow(upstream).failed
    expect(failure.code).toBe('UPSTREAM_CREDENTIALS')
    expect(failure.message).toContain(words)
  })

  test('that speaks another version is refused', async () => {
    const exec = await plugin('version', undefined, {
      apiVersion: 'client.authentication.k8s.io/v1beta1',
    })
    await issues('version', { token: 't' })
    await using upstream = open(execTarget(1, exec))
    expect((await follow(upstream).failed).message).toContain(
      'printed another apiVersion than client.authentication.k8s.io/v1beta1',
    )
  })

  test('that is not installed is named, with its hint', async () => {
    const exec = await plugin('x', '', {
      command: 'no-such-login-plugin',
      installHint: 'install the thing',
    })
    await using upstream = open(execTarget(1, exec))
    expect((await follow(upstream).failed).message).toBe(
      'credentials of cluster west: exec plugin no-such-login-plugin was not found; install the thing',
    )
  })

  test('is not run before the first request', async () => {
    const exec = await plugin('idle')
    const upstream = open(execTarget(1, exec))
    await upstream[Symbol.asyncDispose]()
    expect(await runs('idle')).toBe(0)
  })
})

test('a request that is aborted while the plugin runs never leaves', async () => {
  const exec = await plugin('slow', `sleep 0.3; cat "$DIRECTORY/slow.json"`)
  await issues('slow', { token: 't' })
  await using server = await startWhoAmI()
  await using upstream = open(execTarget(server.port, exec))
  const aborted = follow(upstream)
  aborted.exchange.abort()
  expect(await aborted.failed).toMatchObject({ code: 'ABORTED' })
  await ask(upstream)
  expect(server.accepted()).toBe(1)
})
