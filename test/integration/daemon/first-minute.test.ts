import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Running } from '../../support/process.ts'

const TELEPORT = resolve(import.meta.dirname, '../../../bin/teleport')

describe('ctrl-c while npm start greets', () => {
  let directory: string
  let silent: Server
  const sockets = new Set<Socket>()

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'greeting-'))
    // Takes every connection, and says nothing.
    silent = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => sockets.delete(socket))
    })
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done))
    const server = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'silent',
      clusters: [{ name: 'silent', cluster: { server } }],
      users: [{ name: 'silent', user: {} }],
      contexts: [{ name: 'silent', context: { cluster: 'silent', user: 'silent' } }],
    }
    await writeFile(join(directory, 'kubeconfig'), JSON.stringify(config))
  })
  afterEach(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((done) => silent.close(done))
    await rm(directory, { recursive: true, force: true })
  })

  it('stops it, though the cluster has not answered the first request', async () => {
    await using running = new Running(TELEPORT, ['start', '--dev'], {
      cwd: directory,
      env: { ...process.env, HOME: directory, KUBECONFIG: join(directory, 'kubeconfig') },
    })
    await running.until(({ stderr }) => stderr.includes('first user'), 60_000)
    expect(running.stderr).not.toContain('first request')
    expect(await running.end('SIGINT')).toBe(0)
    expect(running.stderr).not.toContain('Stop with ctrl-c.')
  })
})
