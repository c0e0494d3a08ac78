import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ResponseOf } from '../../../src/contract/index.ts'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { type DemoCluster, openDemoCluster } from '../../../src/demo/index.ts'
import { TestDaemon } from '../../support/daemon.ts'
import { freePort } from '../../support/free-port.ts'
import { type Finished, Running, runProgram } from '../../support/process.ts'

const TELEPORT = resolve(import.meta.dirname, '../../../bin/teleport')
const PATIENTLY = { timeout: 30_000, interval: 200 }
const STATIC = 'a-static-token-of-this-test-alone'

type NewToken = ResponseOf<'tokens.create'>

/** The real daemons and the real commands: one with auth and proxy, and agents that join it. */
describe('agents that join a running daemon', () => {
  let stack: AsyncDisposableStack
  let demo: DemoCluster
  let center: TestDaemon
  let directory: string
  let kubeconfig: string
  let pin: string
  beforeAll(async () => {
    stack = new AsyncDisposableStack()
    directory = await mkdtemp(join(tmpdir(), 'teleport-joining-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    demo = stack.use(await openDemoCluster({ clock: systemClock, log: silentLogger }))
    kubeconfig = join(directory, 'kubeconfig')
    await writeFile(kubeconfig, demo.kubeconfig(), { mode: 0o600 })
    await writeFile(join(directory, 'static'), `${STATIC}\n`, { mode: 0o600 })
    center = stack.use(
      await TestDaemon.start({
        kubeconfig: '',
        config: {
          auth_service: { tokens: [`proxy:${join(directory, 'static')}`] },
          kubernetes_service: { enabled: false, kubeconfig_file: undefined },
        },
      }),
    )
    const status = JSON.parse(await center.tctl('status', '--format=json')) as { ca_pins: string[] }
    pin = status.ca_pins[0] ?? ''
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  const make = async (...flags: readonly string[]): Promise<NewToken> =>
    JSON.parse(
      await center.tctl('tokens', 'add', '--type=kube', '--format=json', ...flags),
    ) as NewToken

  /** An agent by flags alone; without `directory` one of its own. */
  const start = (
    home: string,
    given: { token?: string; pin?: string; to?: string } = {},
  ): { args: string[]; env: Record<string, string> } => ({
    args: [
      'start',
      '--roles=kube',
      given.to ?? `--proxy=127.0.0.1:${center.ports.web}`,
      `--ca-pin=${given.pin ?? pin}`,
      `--data-dir=${home}`,
      '--nodename=agent-of-test',
      `--kubeconfig=${kubeconfig}`,
      ...(given.token === undefined ? [] : [`--token=${given.token}`]),
    ],
    env: { ...(process.env as Record<string, string>), TELEPORT_CONFIG_FILE: '' },
  })
  const newHome = (name: string): Promise<string> => mkdtemp(join(directory, `${name}-`))

  const run = async (
    home: string,
    given: Parameters<typeof start>[1],
  ): Promise<Running & { readonly home: string }> => {
    const { args, env } = start(home, given)
    const port = await freePort()
    const running = stack.use(
      new Running(TELEPORT, [...args, `--diag-addr=127.0.0.1:${port}`], { env }),
    )
    await expect
      .poll(
        () =>
          fetch(`http://127.0.0.1:${port}/readyz`).then(
            ({ status }) => status,
            () => running.stderr,
          ),
        PATIENTLY,
      )
      .toBe(200)
    return Object.assign(running, { home })
  }
  const fails = async (given: Parameters<typeof start>[1]): Promise<Finished> => {
    const { args, env } = start(await newHome('fails'), given)
    return runProgram(TELEPORT, args, { env })
  }

  interface Listed {
    readonly metadata: { readonly name: string; readonly labels: Record<string, string> }
    readonly status: { readonly online: boolean }
    readonly spec: { readonly hostname: string; readonly host_id: string; readonly token: string }
  }
  const list = async (...args: readonly string[]): Promise<Listed[]> =>
    JSON.parse(await center.tctl(...args, '--format=json')) as Listed[]
  const online = async (): Promise<boolean[]> =>
    (await list('kube', 'ls')).map(({ status }) => status.online)

  const everythingKept = async (places: readonly string[]): Promise<string> => {
    const texts: string[] = []
    for (const place of places) {
      const entries = await readdir(place, { recursive: true, withFileTypes: true })
      for (const entry of entries.filter((one) => one.isFile())) {
        texts.push(await readFile(join(entry.parentPath, entry.name), 'latin1'))
      }
    }
    return texts.join('\n')
  }

  it('joins by a token behind a proxy, is listed, and comes back without the token', async () => {
    const made = await make('--labels=team=blue')
    const home = await newHome('agent')
    const first = await run(home, { token: made.token })
    await expect.poll(online, PATIENTLY).toEqual([true])
    const [instance, ...others] = await list('inventory', 'ls')
    expect(others).toEqual([])
    expect(instance).toMatchObject({
      metadata: { labels: { team: 'blue' } },
      spec: { hostname: 'agent-of-test', token: made.resource.metadata.name },
      status: { online: true },
    })
    const [cluster] = await list('kube', 'ls')
    expect(cluster?.metadata).toMatchObject({ name: 'demo', labels: { team: 'blue' } })
    expect(await first.end('SIGTERM')).toBe(0)
    await expect.poll(online, PATIENTLY).toEqual([false])

    await center.tctl('tokens', 'rm', made.resource.metadata.name)
    const second = await run(home, {})
    await expect.poll(online, PATIENTLY).toEqual([true])
    const again = await list('inventory', 'ls')
    expect(again.map(({ metadata }) => metadata.name)).toEqual([instance?.metadata.name])
    const kept = await everythingKept([home, join(center.directory, 'data')])
    expect(kept).toContain(instance?.metadata.name)
    for (const text of [kept, first.stderr, second.stderr, center.process.stderr]) {
      expect(text).not.toContain(made.token)
    }
    expect(await second.end('SIGTERM')).toBe(0)
  })

  it('that is told to stop before anybody has let it join has not failed', async () => {
    const nobody = `--proxy=127.0.0.1:${await freePort()}`
    const { args, env } = start(await newHome('hasty'), { token: STATIC, to: nobody })
    const agent = stack.use(new Running(TELEPORT, args, { env }))
    await expect.poll(() => agent.stderr, PATIENTLY).toContain('cannot join yet')
    expect(await agent.end('SIGTERM')).toBe(0)
    expect(agent.stderr).not.toContain('teleport: ')
  })

  it('refuses a name of another token’s agents until it is freed', async () => {
    const [server] = await list('get', 'kube_servers')
    expect(server?.metadata.name).toBe('demo')
    const made = await make()
    const thief = await run(await newHome('thief'), { token: made.token })
    await expect.poll(() => thief.stderr, PATIENTLY).toContain('tctl rm kube_server/demo')
    expect(await online()).toEqual([false])
    await center.tctl('rm', 'kube_server/demo')
    await expect.poll(online, PATIENTLY).toEqual([true])
    const [next] = await list('get', 'kube_servers')
    expect(next?.spec.token).toBe(made.resource.metadata.name)
    const busy = await center.tryTctl(['rm', 'kube_server/demo'])
    expect(busy.stderr).toContain('is online')
    await center.tctl('rm', `instance/${next?.spec.host_id}`)
    await expect.poll(online, PATIENTLY).toEqual([false])
    expect((await list('inventory', 'ls')).map(({ metadata }) => metadata.name)).not.toContain(
      next?.spec.host_id,
    )
    expect(await thief.end('SIGTERM')).toBe(0)
  })

  it('joins the auth service directly, too', async () => {
    const { token } = await make('--value=a-value-that-somebody-chose')
    const running = await run(await newHome('direct'), {
      token,
      to: `--auth-server=127.0.0.1:${center.ports.auth}`,
    })
    expect(running.stderr).toContain('joined the Teleport cluster')
    expect(await running.end('SIGTERM')).toBe(0)
  })

  it('ends with words for who must do something, and sends the token to nobody else', async () => {
    const { token } = await make()
    const foreign = `sha256:${'0'.repeat(64)}`
    const wrongPin = await fails({ token, pin: foreign })
    expect(wrongPin.code).toBe(1)
    expect(wrongPin.stderr).toContain(`teleport.ca_pin: ${foreign}`)
    expect(wrongPin.stderr).toContain(pin)
    const wrongType = await fails({ token: STATIC })
    expect(wrongType.stderr).toContain('this join token is for proxy, and not for kube')
    const never = await fails({ token: 'f'.repeat(48) })
    expect(never.stderr).toContain('this join token is not valid (any more)')
    expect(never.stderr).toContain('tctl tokens add --type=kube')
    const none = await fails({})
    expect(none.stderr).toContain('has no join token')
    for (const { code, stderr } of [wrongType, never, none]) {
      expect(code).toBe(1)
      expect(stderr).not.toContain('f'.repeat(48))
      expect(stderr).not.toContain(STATIC)
    }
    const refused = (await center.events('--event=instance.join')).filter(
      ({ code }) => code === 'TJ002E',
    )
    expect(refused.map((event) => event['error_code']).sort()).toEqual([
      'JOIN_REFUSED',
      'JOIN_WRONG_SERVICE',
    ])
  })

  it('asks for a token of the type that a proxy joins with', async () => {
    const refused = await runProgram(TELEPORT, [
      'start',
      '--roles=proxy',
      `--auth-server=127.0.0.1:${center.ports.auth}`,
      `--ca-pin=${pin}`,
      `--data-dir=${await newHome('proxy')}`,
      `--token=${'f'.repeat(48)}`,
    ])
    expect(refused.stderr).toContain('tctl tokens add --type=proxy')
  })

  it('does not become a Teleport cluster of its own instead', async () => {
    const home = await newHome('own')
    const file = join(home, 'teleport.yaml')
    const to = `proxy_server: 127.0.0.1:${center.ports.web}`
    await writeFile(file, `teleport: {data_dir: ${home}/data, ${to}, auth_token: ${STATIC}}`)
    const refused = await runProgram(TELEPORT, ['start', '-c', file])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('auth_service.enabled: no')
    expect(await readdir(home)).toEqual(['teleport.yaml'])
  })

  it('believes no authority that nothing vouches for, unless it is told to', async () => {
    const { token } = await make()
    const { args, env } = start(await newHome('unpinned'), { token })
    const unpinned = args.filter((arg) => !arg.startsWith('--ca-pin'))
    const refused = await runProgram(TELEPORT, unpinned, { env })
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('is not known yet')
    expect(refused.stderr).toContain('teleport.ca_pin')
  })
})
