import { connect, type Socket } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import { ask, follow, open, targetAt } from './support/client.ts'
import { createPki, type KeyedCertificate, type Pki } from './support/pki.ts'
import { startHttp2, startHttps, startTcp, startTls, type TestServer } from './support/servers.ts'

let pki: Pki
let identity: KeyedCertificate

beforeAll(async () => {
  pki = await createPki()
  identity = await pki.server()
})

const trusted = (): { certificateAuthority: { kind: 'data'; pem: string } } => ({
  certificateAuthority: { kind: 'data', pem: pki.ca },
})

interface Proxy extends TestServer {
  readonly requests: string[]
}

function splice(client: Socket, port: number, established: () => void): void {
  const target = connect(port, '127.0.0.1', () => {
    established()
    client.pipe(target)
    target.pipe(client)
  })
  target.on('error', () => client.destroy())
  client.on('close', () => target.destroy())
  target.on('close', () => client.destroy())
}

/** An HTTP proxy that knows CONNECT; `answer` may refuse. */
async function startHttpProxy(
  start: (onConnection: (socket: Socket) => void) => Promise<TestServer>,
  answer: (head: string) => string | null = () => null,
): Promise<Proxy> {
  const requests: string[] = []
  const server = await start((socket) => {
    let head = ''
    const onData = (chunk: Buffer): void => {
      head += chunk.toString('latin1')
      if (!head.endsWith('\r\n\r\n')) return
      socket.off('data', onData)
      requests.push(head)
      const refusal = answer(head)
      if (refusal !== null) {
        socket.end(refusal)
        return
      }
      const port = Number(/^CONNECT [^ ]*:(\d+) /.exec(head)?.[1])
      splice(socket, port, () =>
        socket.write('HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n'),
      )
    }
    socket.on('data', onData)
  })
  return { ...server, requests }
}

/** A SOCKS5 proxy, RFC 1928 and 1929, as far as CONNECT goes. */
async function startSocksProxy(password: string | null, reply = 0): Promise<Proxy> {
  const requests: string[] = []
  const server = await startTcp((socket) => {
    let state: 'greeting' | 'password' | 'request' | 'open' = 'greeting'
    socket.on('data', (chunk) => {
      if (state === 'greeting') {
        const wanted = password === null ? 0 : 2
        const offered = chunk.subarray(2, 2 + (chunk[1] ?? 0)).includes(wanted)
        state = password === null ? 'request' : 'password'
        socket.write(Buffer.from([5, offered ? wanted : 255]))
      } else if (state === 'password') {
        const login = chunk.subarray(2).toString('latin1')
        state = 'request'
        socket.write(Buffer.from([1, login.endsWith(password ?? '') ? 0 : 1]))
      } else if (state === 'request') {
        requests.push(chunk.toString('hex'))
        state = 'open'
        const answer = Buffer.from([5, reply, 0, 1, 127, 0, 0, 1, 0, 0])
        if (reply === 0)
          splice(socket, chunk.readUInt16BE(chunk.length - 2), () => socket.write(answer))
        else socket.end(answer)
      }
    })
  })
  return { ...server, requests }
}

const plain = (onConnection: (socket: Socket) => void): Promise<TestServer> =>
  startTcp(onConnection)

describe('an HTTP proxy', () => {
  test('carries short requests, watches and upgrades', async () => {
    await using server = await startHttp2({ ...identity, allowHTTP1: true }, (stream) => {
      stream.respond({ ':status': 200 })
      stream.end('watched')
    })
    await using proxy = await startHttpProxy(plain)
    await using upstream = open(
      targetAt(server.port, {
        ...trusted(),
        proxyUrl: `http://us%20er:p%40ss@127.0.0.1:${proxy.port}`,
      }),
    )
    expect((await ask(upstream, { longRunning: true })).text).toBe('watched')
    const connection = await upstream.dialForUpgrade(new AbortController().signal)
    connection.socket.destroy()
    const basic = Buffer.from('us er:p@ss').toString('base64')
    const authority = `127.0.0.1:${server.port}`
    const wanted = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: Basic ${basic}\r\n\r\n`
    expect(proxy.requests).toEqual([wanted, wanted])
  })

  test('over TLS carries requests and watches too, and does not see our certificate', async () => {
    await using server = await startHttp2({ ...identity, allowHTTP1: true }, (stream) => {
      stream.respond({ ':status': 200 })
      stream.end('inside')
    })
    const { cert, key } = await pki.client('agent')
    const seen: unknown[] = []
    const options = { ...identity, requestCert: true, rejectUnauthorized: false }
    await using proxy = await startHttpProxy((onConnection) =>
      startTls(options, (socket) => {
        seen.push(socket.getPeerCertificate())
        onConnection(socket)
      }),
    )
    await using upstream = open(
      targetAt(server.port, {
        ...trusted(),
        clientCertificate: {
          certificate: { kind: 'data', pem: cert },
          key: { kind: 'data', pem: key },
        },
        proxyUrl: `https://127.0.0.1:${proxy.port}`,
      }),
    )
    expect((await ask(upstream, { longRunning: true })).text).toBe('inside')
    const { socket } = await upstream.dialForUpgrade(new AbortController().signal)
    socket.destroy()
    expect(seen).toEqual([{}, {}])
  })

  test('over TLS whose certificate is not trusted is named', async () => {
    const other = await createPki('other')
    await using proxy = await startHttpProxy((onConnection) => startTls(identity, onConnection))
    await using upstream = open(
      targetAt(1, {
        certificateAuthority: { kind: 'data', pem: other.ca },
        proxyUrl: `https://127.0.0.1:${proxy.port}`,
      }),
    )
    const failure = await follow(upstream).failed
    expect(failure.code).toBe('UPSTREAM_UNREACHABLE')
    expect(failure.message).toMatch(
      /proxy https:\/\/127\.0\.0\.1:\d+: unable to verify the first certificate/,
    )
  })

  test('that refuses is named with its status, without the password', async () => {
    await using proxy = await startHttpProxy(
      plain,
      () => 'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n',
    )
    await using upstream = open(
      targetAt(1, { ...trusted(), proxyUrl: `http://joe:s3cr3t@127.0.0.1:${proxy.port}` }),
    )
    const failure = await follow(upstream).failed
    expect(failure).toMatchObject({
      code: 'UPSTREAM_UNREACHABLE',
      message: `cannot reach the API server of cluster west: proxy http://127.0.0.1:${proxy.port}: refused the tunnel to 127.0.0.1:1: HTTP/1.1 407 Proxy Authentication Required`,
    })
  })

  test.each([
    ['closes', '', 'closed the connection'],
    [
      'says too much',
      `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}`,
      'answered with too many bytes',
    ],
  ])('that %s is UPSTREAM_UNREACHABLE', async (_what, answer, words) => {
    await using proxy = await startHttpProxy(plain, () => answer)
    await using upstream = open(
      targetAt(1, { ...trusted(), proxyUrl: `http://127.0.0.1:${proxy.port}` }),
    )
    const failure = await follow(upstream).failed
    expect(failure.code).toBe('UPSTREAM_UNREACHABLE')
    expect(failure.message).toContain(words)
  })

  test('that never answers is given up in time', async () => {
    await using proxy = await startTcp(() => {})
    await using upstream = open(
      targetAt(1, { ...trusted(), proxyUrl: `http://127.0.0.1:${proxy.port}` }),
      {
        limits: { connectTimeoutMs: 200 },
      },
    )
    expect((await follow(upstream).failed).message).toContain(
      'no connection to 127.0.0.1:1 within 0.2 s',
    )
  })

  test('that is not there is UPSTREAM_UNREACHABLE', async () => {
    await using upstream = open(targetAt(1, { ...trusted(), proxyUrl: 'http://127.0.0.1:1' }))
    expect(await follow(upstream).failed).toMatchObject({
      code: 'UPSTREAM_UNREACHABLE',
      message:
        'cannot reach the API server of cluster west: proxy http://127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1',
    })
  })
})

describe('a SOCKS5 proxy', () => {
  test.each([
    ['127.0.0.1', '050100017f000001'],
    ['localhost', '05010003096c6f63616c686f7374'],
    ['fd00::a:1', '05010004fd0000000000000000000000000a0001'],
  ])('is asked for %s', async (hostname, prefix) => {
    await using server = await startHttps(identity, (_request, response) => response.end('there'))
    await using proxy = await startSocksProxy(null)
    await using upstream = open(
      targetAt(server.port, {
        ...trusted(),
        hostname,
        tlsServerName: 'localhost',
        proxyUrl: `socks5://127.0.0.1:${proxy.port}`,
      }),
    )
    expect((await ask(upstream)).text).toBe('there')
    expect(proxy.requests).toEqual([`${prefix}${server.port.toString(16).padStart(4, '0')}`])
  })

  test('may want a password', async () => {
    await using server = await startHttps(identity, (_request, response) => response.end('there'))
    await using proxy = await startSocksProxy('pass')
    const at = (login: string): string => `socks5://${login}127.0.0.1:${proxy.port}`
    await using right = open(targetAt(server.port, { ...trusted(), proxyUrl: at('joe:pass@') }))
    expect((await ask(right)).text).toBe('there')
    await using wrong = open(targetAt(server.port, { ...trusted(), proxyUrl: at('joe:word@') }))
    expect((await follow(wrong).failed).message).toContain('refused user name and password')
    await using none = open(targetAt(server.port, { ...trusted(), proxyUrl: at('') }))
    expect((await follow(none).failed).message).toContain('refused the way to log in')
  })

  test('that cannot connect says why', async () => {
    await using proxy = await startSocksProxy(null, 5)
    await using upstream = open(
      targetAt(1, { ...trusted(), proxyUrl: `socks5://127.0.0.1:${proxy.port}` }),
    )
    expect((await follow(upstream).failed).message).toContain('cannot connect: connection refused')
  })

  test('that is none is found out', async () => {
    await using proxy = await startTcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await using upstream = open(
      targetAt(1, { ...trusted(), proxyUrl: `socks5://127.0.0.1:${proxy.port}` }),
    )
    expect((await follow(upstream).failed).message).toContain('does not speak SOCKS5')
  })
})
