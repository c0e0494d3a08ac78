import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDialer } from '../dial/index.ts'
import { MemberApi } from './member-api.ts'

describe('MemberApi', () => {
  let server: Server
  let dialled: Promise<Socket>[]
  let renew: () => void
  beforeEach(async () => {
    // It takes connections and never says a word.
    server = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    dialled = []
  })
  afterEach(() => server.close())

  const open = (): MemberApi => {
    const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
    const dial = openDialer({})
    return new MemberApi(
      {
        hostId: 'agent',
        teleportCluster: 'example',
        services: ['kube'],
        labels: {},
        current: () => ({ certificatePem: '', privateKeyPem: '', hostCaPem: '', expiresAtMs: 0 }),
        onChange: (listener) => {
          renew = listener
          return () => {}
        },
      },
      {
        via: 'auth',
        addresses: [address, address],
        dial: (to, signal) => {
          const socket = dial(to, signal)
          dialled.push(socket)
          return socket
        },
      },
    )
  }

  const REFUSED = { code: 'CONNECT_FAILED' }

  it('ends the calls underway when it is disposed, and begins none anew, however many addresses there are', async () => {
    const api = open()
    const before = api.call('member.state', {})
    await dialled[0]
    renew()
    const after = api.call('member.state', {})
    await dialled[1]
    api[Symbol.dispose]()
    await expect(before).rejects.toMatchObject(REFUSED)
    await expect(after).rejects.toMatchObject(REFUSED)
    await expect(api.call('member.state', {})).rejects.toMatchObject(REFUSED)
    expect(dialled).toHaveLength(2)
  })
})
