import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { beforeAll, expect, test } from 'vitest'
import { open, targetAt, until } from './support/client.ts'
import { createPki, type KeyedCertificate, type Pki } from './support/pki.ts'
import { startHttp2, startHttps, startTcp } from './support/servers.ts'

let pki: Pki
let identity: KeyedCertificate

beforeAll(async () => {
  pki = await createPki()
  identity = await pki.server()
})

const trusted = (): { certificateAuthority: { kind: 'data'; pem: string } } => ({
  certificateAuthority: { kind: 'data', pem: pki.ca },
})

test('a connection for an upgrade is fresh, HTTP/1.1, and comes with what the request needs', async () => {
  await using server = await startHttp2({ ...identity, allowHTTP1: true }, () => {})
  const login = { kind: 'token', token: 'abc' } as const
  await using upstream = open(targetAt(server.port, { ...trusted(), login, basePath: '/k8s/c' }))
  const { signal } = new AbortController()
  const first = await upstream.dialForUpgrade(signal)
  const second = await upstream.dialForUpgrade(signal)
  expect(first).toMatchObject({
    host: `127.0.0.1:${server.port}`,
    basePath: '/k8s/c',
    authorization: 'Bearer abc',
  })
  expect((first.socket as TLSSocket).alpnProtocol).toBe('http/1.1')
  expect((first.socket as TLSSocket).authorized).toBe(true)
  expect(server.accepted()).toBe(2)
  first.socket.destroy()
  second.socket.destroy()
})

test('the next one resumes the TLS session of the one before, until credentials or authorities change', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'upgrades-'))
  await using cleanUp = new AsyncDisposableStack()
  cleanUp.defer(() => rm(directory, { recursive: true }))
  const path = join(directory, 'ca.crt')
  await writeFile(path, pki.ca)
  let nowMs = 0
  await using server = await startHttps(identity, (_request, response) => response.end('here'))
  await using upstream = open(
    targetAt(server.port, { certificateAuthority: { kind: 'file', path } }),
    { clock: { now: () => nowMs } },
  )
  const dialled = async (): Promise<{ isResumed: boolean; authorized: boolean }> => {
    const connection = await upstream.dialForUpgrade(new AbortController().signal)
    const socket = connection.socket as TLSSocket
    const found = { isResumed: socket.isSessionReused(), authorized: socket.authorized }
    // The API server gives sessions behind the handshake.
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await socket.toArray()
    return found
  }
  expect(await dialled()).toEqual({ isResumed: false, authorized: true })
  expect(await dialled()).toEqual({ isResumed: true, authorized: true })

  const other = await createPki('other')
  await writeFile(path, `${pki.ca}\n${other.ca}`)
  nowMs += 3_600_000
  expect(await dialled()).toEqual({ isResumed: false, authorized: true })
  await writeFile(path, other.ca)
  nowMs += 3_600_000
  await expect(dialled()).rejects.toMatchObject({ code: 'UPSTREAM_TLS' })
})

test('the connection belongs to the caller: disposing the upstream leaves it alone', async () => {
  await using server = await startHttps(identity, (_request, response) => response.end('here'))
  const upstream = open(targetAt(server.port, trusted()))
  const { socket } = await upstream.dialForUpgrade(new AbortController().signal)
  await upstream[Symbol.asyncDispose]()
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  const chunks = await socket.toArray()
  expect(Buffer.concat(chunks).toString()).toContain('here')
})

test('the wait for it can be given up', async () => {
  await using server = await startTcp(() => {})
  await using upstream = open(targetAt(server.port, trusted()))
  const abort = new AbortController()
  const dialled = upstream.dialForUpgrade(abort.signal)
  await until(() => server.sockets.size === 1)
  abort.abort()
  await expect(dialled).rejects.toMatchObject({ code: 'ABORTED' })
  await expect(upstream.dialForUpgrade(abort.signal)).rejects.toMatchObject({ code: 'ABORTED' })
  await until(() => server.sockets.size === 0)
})

test('a server that is not who the kubeconfig says is UPSTREAM_TLS', async () => {
  const other = await createPki('other')
  await using server = await startHttps(identity, (_request, response) => response.end())
  const certificateAuthority = { kind: 'data', pem: other.ca } as const
  await using upstream = open(targetAt(server.port, { certificateAuthority }))
  await expect(upstream.dialForUpgrade(new AbortController().signal)).rejects.toMatchObject({
    code: 'UPSTREAM_TLS',
  })
})
