import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { TUNNEL_PROTOCOL } from '../../../src/streams/index.ts'
import {
  ALL,
  type ClientKind,
  clientKinds,
  exitStatus,
  openCommand,
  refusing,
  type ServerKind,
  SUCCESS,
  serveCommands,
  serverKinds,
  type TestEnd,
  TTY,
} from './support/commands.ts'
import { EXEC, FORWARD, PATIENTLY, PODS, ROLE, Stage } from './support/stage.ts'
import { Refused } from './support/upgrades.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const openStage = async (options: Parameters<typeof Stage.open>[0] = {}): Promise<Stage> =>
  stack.use(await Stage.open(options))

const [TODAY, OLD, FORBIDDING] = serverKinds as [ServerKind, ServerKind, ServerKind]

/** Gives back what comes, on both outputs, and ends with 7 when there is nothing more. */
const echo = (end: TestEnd): void => {
  end.onData = (_stream, data) => {
    end.out.write('stdout', data)
    end.out.write('stderr', Buffer.from(`${data.length}`))
    if (data.includes('exit')) end.out.finish(exitStatus(7))
  }
  end.onEnd = () => end.out.finish(exitStatus(7))
}

const exitCodeOf = (client: TestEnd): unknown => {
  const [status = ''] = client.statuses
  return status.startsWith('{') ? JSON.parse(status) : status
}

/** How many WebSockets were asked for. */
const askedForWebSocket = (stage: Stage): number =>
  stage.api.arrived.filter(({ headers }) => headers.includes('websocket')).length

const pairs = clientKinds.flatMap((client) =>
  serverKinds.map((server) => [client, server] as const),
)

describe.each(pairs)('a client of %s and %o', (client, server) => {
  test('bytes go both ways, as they are, and the exit code comes', async () => {
    const stage = await openStage()
    serveCommands(stage, server, echo)
    const end = await openCommand(stage, client)
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
    end.out.write('stdin', bytes)
    await expect.poll(() => end.bytes('stdout'), PATIENTLY).toBe(256)
    expect(Buffer.concat(end.heard.stdout).equals(bytes)).toBe(true)
    await expect.poll(() => end.text('stderr'), PATIENTLY).toBe('256')
    end.out.write('stdin', Buffer.from('exit'))
    expect(await end.over.promise).toBeNull()
    expect(end.text('stdout').slice(256)).toBe('exit')
    if (client === 'channel.k8s.io') {
      expect(exitCodeOf(end)).toContain('exit status 7')
    } else {
      expect(exitCodeOf(end)).toMatchObject({
        status: 'Failure',
        reason: 'NonZeroExitCode',
        details: { causes: [{ reason: 'ExitCode', message: '7' }] },
      })
    }
    await stage.expectAudited(EXEC, {
      outcome: 'done',
      response_code: 101,
      kube_verb: 'exec',
      resource_subresource: 'exec',
      bytes_received: 260,
      bytes_sent: 264,
    })
    await expect.poll(() => stage.api.upgrading.size, PATIENTLY).toBe(0)
  })

  test('the size of the terminal goes through', async () => {
    const stage = await openStage()
    const serving = Promise.withResolvers<TestEnd>()
    serveCommands(stage, server, (end) => serving.resolve(end))
    const end = await openCommand(stage, client, { query: TTY })
    end.out.resize({ width: 101, height: 42 })
    const there = await serving.promise
    await expect.poll(() => there.sizes, PATIENTLY).toEqual([{ width: 101, height: 42 }])
    there.out.write('stdout', Buffer.from('$ '))
    there.out.finish(SUCCESS)
    expect(await end.over.promise).toBeNull()
    expect(end.text('stdout')).toBe('$ ')
  })

  test('is told why it is cut, in its own protocol', async () => {
    const stage = await openStage()
    const serving = Promise.withResolvers<TestEnd>()
    serveCommands(stage, server, (end) => {
      end.out.write('stdout', Buffer.from('before'))
      serving.resolve(end)
    })
    const end = await openCommand(stage, client)
    await expect.poll(() => end.text('stdout'), PATIENTLY).toBe('before')
    stage.access.lock({ user: 'alice', message: 'incident 42' })
    await Promise.all([end.over.promise, (await serving.promise).over.promise])
    expect(end.statuses.join()).toContain('you are locked out: incident 42')
    await stage.expectAudited(EXEC, { outcome: 'aborted', error_code: 'LOCKED' })
    expect(stage.audit.cuts).toMatchObject([
      { error_code: 'LOCKED', decided_by: 'lock "l1"', user: 'alice' },
    ])
  })
})

describe.each<ClientKind>(['SPDY/3.1', 'v5.channel.k8s.io'])('a client of %s', (client) => {
  test.each(serverKinds)('that has nothing more to say says so to $name', async (server) => {
    const stage = await openStage()
    serveCommands(stage, server, echo)
    const end = await openCommand(stage, client)
    end.out.write('stdin', Buffer.from('last'))
    end.out.end('stdin')
    expect(await end.over.promise).toBeNull()
    expect(end.text('stdout')).toBe('last')
  })

  test('that leaves takes its command along', async () => {
    const stage = await openStage()
    const serving = Promise.withResolvers<TestEnd>()
    serveCommands(stage, TODAY, (end) => serving.resolve(end))
    const end = await openCommand(stage, client)
    const there = await serving.promise
    end.connection.destroy()
    await there.over.promise
    await stage.expectAudited(EXEC, { outcome: 'done', response_code: 101 })
  })

  test.each(serverKinds)(
    'is heard to its end by $name, whatever its command left unread',
    async (server) => {
      const stage = await openStage()
      const serving = Promise.withResolvers<TestEnd>()
      serveCommands(stage, server, (end) => {
        end.reads = false
        end.onData = () => serving.resolve(end)
      })
      const end = await openCommand(stage, client)
      const closed = once(end.connection, 'close')
      const piece = Buffer.alloc(64 * 1024)
      // More than waits on the way.
      for (let pieces = 0; pieces < 500; pieces += 1) end.out.write('stdin', piece)
      const there = await serving.promise
      there.out.finish(SUCCESS)
      await closed
      expect(exitCodeOf(end)).toMatchObject({ status: 'Success' })
      expect(end.connection.writableFinished).toBe(true)
      await stage.expectAudited(EXEC, { outcome: 'done', response_code: 101 })
    },
  )

  test('is told that the API server died, and not that all went well', async () => {
    const stage = await openStage()
    serveCommands(stage, TODAY, (end) => end.out.write('stdout', Buffer.from('half')))
    const end = await openCommand(stage, client)
    await expect.poll(() => end.text('stdout'), PATIENTLY).toBe('half')
    for (const socket of stage.api.sockets) socket.destroy()
    await end.over.promise
    expect(exitCodeOf(end)).toMatchObject({ status: 'Failure', reason: 'ServiceUnavailable' })
    await stage.expectAudited(EXEC, { outcome: 'failed', error_code: 'UPSTREAM_RESET' })
  })

  test('that does not read holds its own API server back, and gets everything later', async () => {
    const stage = await openStage()
    const piece = Buffer.alloc(32 * 1024, 7)
    const total = 2000
    let written = 0
    serveCommands(stage, TODAY, (end) => {
      const pour = (): void => {
        while (written < total) {
          written += 1
          if (!end.out.write('stdout', piece)) return
        }
        end.out.finish(SUCCESS)
      }
      end.onDrain = pour
      pour()
    })
    const end = await openCommand(stage, client)
    end.reads = false
    let before = -1
    await expect
      .poll(
        () => {
          const stalled = written === before
          before = written
          return stalled
        },
        { timeout: 20_000, interval: 200 },
      )
      .toBe(true)
    expect(written).toBeLessThan(total)
    end.reads = true
    end.out.resume()
    expect(await end.over.promise).toBeNull()
    expect(end.bytes('stdout')).toBe(total * piece.length)
    expect(end.statuses).toHaveLength(1)
  })

  test('that is slow gets all of it from an API server that is gone already', async () => {
    const stage = await openStage()
    const bytes = Buffer.alloc(400_000, 'x')
    serveCommands(stage, OLD, (end) => {
      end.out.write('stdout', bytes)
      end.out.finish(exitStatus(3))
    })
    const end = await openCommand(stage, client)
    end.reads = false
    await expect.poll(() => stage.api.upgrading.size, PATIENTLY).toBe(0)
    end.reads = true
    end.out.resume()
    await end.over.promise
    expect(end.bytes('stdout')).toBe(bytes.length)
    expect(end.statuses).toHaveLength(1)
  })

  test('whose API server does not read waits, and nothing is lost', async () => {
    const stage = await openStage()
    const serving = Promise.withResolvers<TestEnd>()
    serveCommands(stage, TODAY, (there) => {
      there.reads = false
      serving.resolve(there)
    })
    const end = await openCommand(stage, client)
    const piece = Buffer.alloc(32 * 1024, 9)
    const total = 2000
    let written = 0
    const pour = (): void => {
      while (written < total) {
        written += 1
        if (!end.out.write('stdin', piece)) return
      }
      // Room comes once more behind the last.
      end.onDrain = () => {}
      end.out.end('stdin')
    }
    end.onDrain = pour
    pour()
    const there = await serving.promise
    let before = -1
    await expect
      .poll(
        () => {
          const stalled = written === before
          before = written
          return stalled
        },
        { timeout: 20_000, interval: 200 },
      )
      .toBe(true)
    expect(written).toBeLessThan(total)
    there.reads = true
    there.out.resume()
    await expect.poll(() => there.ended, PATIENTLY).toEqual(['stdin'])
    expect(there.bytes('stdin')).toBe(total * piece.length)
    there.out.finish(SUCCESS)
    expect(await end.over.promise).toBeNull()
  })

  test('that cannot be written of in the audit log is not served', async () => {
    const stage = await openStage()
    stage.audit.refuses = () => true
    serveCommands(stage, TODAY, echo)
    await expect(openCommand(stage, client)).rejects.toMatchObject({ status: 503 })
    expect(stage.api.arrived).toEqual([])
    expect(stage.log.errors.splice(0)).toHaveLength(1)
  })
})

describe('what an API server knows', () => {
  test('is asked once for a while, and again for another user or other groups in the cluster', async () => {
    const stage = await openStage()
    serveCommands(stage, FORBIDDING, echo)
    const as = (user: string, group: string): void =>
      stage.access.change({
        allow: { ...ROLE.allow, kubernetes_users: [user], kubernetes_groups: [group] },
      })
    const run = async (): Promise<void> => {
      const end = await openCommand(stage, 'v5.channel.k8s.io')
      end.out.end('stdin')
      await end.over.promise
    }
    await run()
    expect(askedForWebSocket(stage)).toBe(1)
    await run()
    expect(askedForWebSocket(stage)).toBe(1)
    as('bob', 'team')
    await run()
    expect(askedForWebSocket(stage)).toBe(2)
    as('alice', 'others')
    await run()
    expect(askedForWebSocket(stage)).toBe(3)
    as('alice', 'team')
    await run()
    expect(askedForWebSocket(stage)).toBe(3)
    stage.clock.advance(11 * 60_000)
    await run()
    expect(askedForWebSocket(stage)).toBe(4)
  })

  test.each([400, 403, 404, 405, 426, 500])(
    '%i to a WebSocket may mean that it knows SPDY alone',
    async (status) => {
      const stage = await openStage()
      serveCommands(stage, { name: '', refusesWebSocket: status }, echo)
      for (const asked of [1, 1]) {
        const end = await openCommand(stage, 'v5.channel.k8s.io')
        end.out.write('stdin', Buffer.from('exit'))
        await end.over.promise
        expect(end.text('stdout')).toBe('exit')
        expect(askedForWebSocket(stage)).toBe(asked)
      }
    },
  )

  test('is not learnt from a refusal that meant the person', async () => {
    const stage = await openStage()
    stage.api.upgrade = (_asked, socket) =>
      void socket.end(refusing(403, 'pods "web" is forbidden'))
    const refused = openCommand(stage, 'SPDY/3.1')
    await expect(refused).rejects.toMatchObject({
      status: 403,
      body: expect.stringContaining('pods \\"web\\" is forbidden') as unknown,
    })
    await stage.expectAudited(EXEC, { outcome: 'done', response_code: 403 })
    expect(stage.api.arrived).toHaveLength(2)
    serveCommands(stage, TODAY, echo)
    const end = await openCommand(stage, 'SPDY/3.1')
    end.out.end('stdin')
    await end.over.promise
    expect(askedForWebSocket(stage)).toBe(2)
  })

  test.each([302, 409, 429, 503])('%i is no reason to ask in another way', async (status) => {
    const stage = await openStage()
    stage.api.upgrade = (_asked, socket) => void socket.end(refusing(status))
    await expect(openCommand(stage, 'v5.channel.k8s.io')).rejects.toMatchObject({ status })
    expect(stage.api.arrived).toHaveLength(1)
  })

  test('a credential of ours that it does not take is our failure', async () => {
    const stage = await openStage()
    stage.api.upgrade = (_asked, socket) => void socket.end(refusing(401))
    await expect(openCommand(stage, 'v5.channel.k8s.io')).rejects.toMatchObject({
      status: 503,
      body: expect.stringContaining('no valid credentials') as unknown,
    })
    await stage.expectAudited(EXEC, { outcome: 'failed', error_code: 'UPSTREAM_CREDENTIALS' })
  })

  test('the version that it speaks must be the one that was asked for', async () => {
    const stage = await openStage()
    stage.api.upgrade = (asked, socket) => {
      if (asked.headers.upgrade === 'websocket') socket.end(refusing(400))
      else
        socket.write(
          'HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v9\r\n\r\n',
        )
    }
    await expect(openCommand(stage, 'SPDY/3.1')).rejects.toMatchObject({ status: 503 })
    await stage.expectAudited(EXEC, { outcome: 'failed', error_code: 'UPSTREAM_RESET' })
    await expect.poll(() => stage.api.upgrading.size, PATIENTLY).toBe(0)
  })
})

describe('a request for a command', () => {
  test('is judged as what it is, whatever its method', async () => {
    const stage = await openStage()
    serveCommands(stage, TODAY, echo)
    // A WebSocket is asked for with GET.
    const end = await openCommand(stage, 'v5.channel.k8s.io')
    end.out.end('stdin')
    await end.over.promise
    await stage.expectAudited(EXEC, { verb: 'GET', kube_verb: 'exec', outcome: 'done' })
    const [asked] = stage.api.arrived
    expect(asked?.headers.map((one) => one.toLowerCase())).toContain('impersonate-user')
  })

  test.each([
    ['SPDY/3.0', ''],
    ['SPDY/3.1', 'X-Stream-Protocol-Version: v9.channel.k8s.io\r\n'],
    ['websocket', 'Sec-WebSocket-Protocol: chat\r\n'],
    ['h2c', ''],
  ])('in %s with "%s" is told what there is', async (protocol, line) => {
    const stage = await openStage()
    const socket = await stage.raw()
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.write(
      `POST ${EXEC}?${ALL} HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${line}\r\n`,
    )
    await once(socket, 'end')
    const text = Buffer.concat(chunks).toString()
    expect(text).toMatch(/^HTTP\/1\.1 400 /)
    expect(text).toContain('v5.channel.k8s.io')
    await stage.expectAudited(EXEC, { outcome: 'denied', error_code: 'BAD_REQUEST' })
    expect(stage.api.arrived).toEqual([])
  })

  test.each([
    [EXEC, 'v5.channel.k8s.io', 'Sec-WebSocket-Version: 13\r\n'],
    [EXEC, 'v5.channel.k8s.io', `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n`],
    [EXEC, 'v4.channel.k8s.io', `Sec-WebSocket-Key: ${'A'.repeat(22)}==\r\n`],
    [FORWARD, TUNNEL_PROTOCOL, ''],
  ])(
    'whose WebSocket is none is refused before anything runs: %s %s %j',
    async (path, protocol, lines) => {
      const stage = await openStage()
      const socket = await stage.raw()
      const chunks: Buffer[] = []
      socket.on('data', (chunk: Buffer) => chunks.push(chunk))
      socket.write(
        `GET ${path}?${ALL} HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: ${protocol}\r\n${lines}\r\n`,
      )
      await once(socket, 'end')
      const text = Buffer.concat(chunks).toString()
      expect(text).toMatch(/^HTTP\/1\.1 400 /)
      expect(text).toContain('no WebSocket handshake')
      await stage.expectAudited(path, { outcome: 'denied', error_code: 'BAD_REQUEST' })
      expect(stage.api.arrived).toEqual([])
      expect(stage.audit.sessions).toEqual([])
    },
  )

  test.each([
    'stdout=true&command=sh;tty=1',
    'stdout=true&container=main%',
    'stdout=true&command=%zz',
  ])('that servers may read in another way is refused: %s', async (query) => {
    const stage = await openStage()
    serveCommands(stage, TODAY, echo)
    await expect(openCommand(stage, 'SPDY/3.1', { query })).rejects.toMatchObject({ status: 400 })
    await stage.expectAudited(EXEC, { outcome: 'denied', error_code: 'BAD_REQUEST' })
    expect(stage.api.arrived).toEqual([])
  })

  test('whose terminal changes all the time tells the last size, and not each', async () => {
    const stage = await openStage()
    const serving = Promise.withResolvers<TestEnd>()
    serveCommands(stage, TODAY, (end) => serving.resolve(end))
    const end = await openCommand(stage, 'SPDY/3.1', { query: TTY })
    const there = await serving.promise
    for (let width = 1; width <= 20_000; width += 1) end.out.resize({ width, height: 40 })
    await expect.poll(() => there.sizes.at(-1), PATIENTLY).toEqual({ width: 20_000, height: 40 })
    expect(there.sizes.length).toBeLessThan(2_000)
  })

  test('of a client that opens no streams ends, and so does what it asked for', async () => {
    const stage = await openStage()
    serveCommands(stage, TODAY, echo)
    const socket = await stage.raw()
    socket.write(
      `POST ${EXEC}?${ALL} HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n`,
    )
    await once(socket, 'data')
    socket.destroy()
    await stage.expectAudited(EXEC, { response_code: 101 })
    await expect.poll(() => stage.api.upgrading.size, PATIENTLY).toBe(0)
  })

  test('that the role does not allow is refused in words before anything goes up', async () => {
    const stage = await openStage()
    stage.access.change({ ...ROLE, deny: { kubernetes_labels: { env: 'test' } } })
    const refused = openCommand(stage, 'SPDY/3.1').catch((error: unknown) => error)
    expect(await refused).toBeInstanceOf(Refused)
    expect(await refused).toMatchObject({ status: 403 })
    expect(stage.api.arrived).toEqual([])
  })

  test('many at once end each with its own', async () => {
    const stage = await openStage()
    serveCommands(stage, TODAY, echo)
    const ends = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const path = `${PODS}/web-${index}/exec`
        const end = await openCommand(stage, clientKinds[index % 3] as ClientKind, { path })
        end.out.write('stdin', Buffer.from(`${index};exit`))
        await end.over.promise
        return end.text('stdout')
      }),
    )
    expect(ends).toEqual(Array.from({ length: 40 }, (_, index) => `${index};exit`))
  })
})
