import type { ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { serverCertificate } from '../../support/certificates.ts'
import { Person } from '../../support/tsh.ts'

/** What the sockets of both ends hold; far less than what the other end would send. */
const MOST_BYTES = 32 * 1024 * 1024
const CHUNK = Buffer.alloc(64 * 1024, ' ')

/** Whoever answers before he has proven himself: what he sends costs him, and nobody else. */
describe('answers without end, of nobody knows whom', () => {
  let joe: Person
  let server: Server
  let sent: number
  let asked: string[]
  let answer: (path: string, response: ServerResponse) => void

  beforeEach(async () => {
    joe = await Person.arrive()
    sent = 0
    asked = []
    const { key, certificate } = await serverCertificate('localhost')
    server = createServer({ key, cert: certificate }, (request, response) => {
      asked.push(`${request.method} ${request.url}`)
      answer(request.url ?? '', response)
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
    await joe[Symbol.asyncDispose]()
  })

  const proxy = (): string => `--proxy=127.0.0.1:${(server.address() as AddressInfo).port}`

  /** Begins like an answer, and goes on for as long as somebody listens. */
  function endless(response: ServerResponse, beginning: string): void {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write(beginning)
    const pump = (): void => {
      while (!response.destroyed && sent < 10 * MOST_BYTES) {
        sent += CHUNK.length
        if (!response.write(CHUNK)) {
          response.once('drain', pump)
          return
        }
      }
    }
    pump()
  }
  const say = (response: ServerResponse, body: object): void => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }

  it('of a proxy: the login ends, and nothing was sent', async () => {
    answer = (_path, response) => endless(response, '{"cluster_name":"')
    const {
      code,
      err,
      asked: questions,
    } = await joe.tshAnswering([], 'login', proxy(), '--user=joe')
    expect({ code, questions }).toEqual({ code: 1, questions: [] })
    expect(err).toMatch(/the answer is too large/)
    expect(err.length).toBeLessThan(1000)
    expect(sent).toBeLessThan(MOST_BYTES)
    expect(new Set(asked)).toEqual(new Set(['GET /webapi/ping']))
  })

  it('of what claims to be the auth service: the same', async () => {
    answer = (path, response) => {
      if (path === '/webapi/ping') say(response, { cluster_name: 'example.com' })
      else endless(response, '{"cluster_name":"example.com","host_ca":"')
    }
    const { code, err } = await joe.tshAnswering([], 'login', proxy(), '--user=joe')
    expect(code).toBe(1)
    expect(err.length).toBeLessThan(1000)
    expect(sent).toBeLessThan(MOST_BYTES)
    expect(asked.filter((each) => each.startsWith('POST'))).toEqual([])
  })

  it('a name as long as a page is no name, and is not shown', async () => {
    answer = (_path, response) => say(response, { cluster_name: 'x'.repeat(10_000) })
    const { code, err } = await joe.tshAnswering([], 'login', proxy(), '--user=joe')
    expect(code).toBe(1)
    expect(err).toContain('is not a Teleport proxy')
    expect(err).not.toContain('xxx')
  })

  it('of a proxy for a link: the same', async () => {
    answer = (_path, response) => endless(response, '{')
    const port = (server.address() as AddressInfo).port
    const link = `https://127.0.0.1:${port}/web/invite/0123456789abcdef0123456789abcdef`
    const { code } = await joe.tshAnswering([], 'invite', link)
    expect(code).toBe(1)
    expect(sent).toBeLessThan(MOST_BYTES)
    expect(asked.join()).not.toContain('0123456789abcdef')
  })
})
