import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../support/daemon.ts'
import { freePort } from '../support/free-port.ts'
import { L7Balancer } from '../support/l7-balancer.ts'
import { mustRun, Running } from '../support/process.ts'
import { copyOut } from './support/copy-out.ts'
import {
  ABSENT,
  CLUSTER_VERSIONS,
  clusters,
  contextOf,
  kubectls,
  kubectlWith,
  mergedKubeconfig,
} from './support/environment.ts'
import { Person, TSH } from './support/person.ts'

const PASSWORD = 'lorry umbrella seventeen'
const NAMESPACE = `proxy-kube-${Date.now().toString(36)}`
const POD = `apiVersion: v1
kind: Pod
metadata: {name: box}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: docker.io/local/busybox:1
    imagePullPolicy: Never
    command: ["sh", "-c", "i=0; while true; do echo tick $i; i=$((i+1)); sleep 1; done"]
`
const missing = clusters.length === 0 ? 'no Kubernetes here' : null

/** A balancer that ends TLS is the only way there is; kubectl goes by `tsh proxy kube`. */
describe.skipIf(missing !== null)(
  `kubectl behind a load balancer that ends TLS${missing === null ? '' : ` (${missing})`}`,
  () => {
    let directory: string
    let daemon: TestDaemon
    let balancer: L7Balancer
    let local: Running
    let kubeconfig: string

    beforeAll(async () => {
      if (missing !== null) return
      directory = await mkdtemp(join(tmpdir(), 'e2e-proxy-kube-'))
      const front = await freePort()
      daemon = await TestDaemon.start({
        kubeconfig: await mergedKubeconfig(directory),
        config: {
          auth_service: { authentication: { type: 'local', second_factor: 'off' } },
          proxy_service: {
            trust_x_forwarded_for: 'on',
            public_addr: `127.0.0.1:${front}`,
            kube_public_addr: `127.0.0.1:${front}`,
          },
        },
      })
      balancer = await L7Balancer.before(daemon.ports.web, front)
      const added = JSON.parse(
        await daemon.tctl('users', 'add', 'joe', '--k8s-groups=system:masters', '--format=json'),
      ) as { invite: { url: string } }[]
      const joe = new Person(directory)
      const secret = `${added[0]?.invite.url}\n${PASSWORD}\n`
      const invited = await joe.tshReading(secret, 'invite', '--insecure', '--password-stdin')
      expect(invited.code, invited.stderr).toBe(0)
      const logged = await joe.tshReading(
        `${PASSWORD}\n`,
        ...['login', `--proxy=127.0.0.1:${front}`, '--user=joe', '--insecure', '--password-stdin'],
      )
      expect(logged.code, logged.stderr).toBe(0)
      local = new Running(TSH, ['proxy', 'kube'], { env: { ...process.env, ...joe.env } })
      await local.until(({ stdout }) => stdout.endsWith('.kubeconfig\n'))
      kubeconfig = local.stdout.trim().replace('export KUBECONFIG=', '')
    })
    afterAll(async () => {
      if (missing !== null) return
      await local.end('SIGINT')
      await balancer[Symbol.asyncDispose]()
      await daemon[Symbol.asyncDispose]()
      await rm(directory, { recursive: true, force: true })
    })

    for (const version of CLUSTER_VERSIONS) {
      const cluster = clusters.find((each) => each.version === version) ?? ABSENT
      const kubectl = kubectls.find((each) => each.version === version)
      const absent =
        cluster === ABSENT
          ? 'no such cluster here'
          : kubectl === undefined
            ? 'no such kubectl here'
            : null
      it.skipIf(absent !== null)(
        `kubectl ${version} gets, watches, runs, follows and copies on Kubernetes ${version}${absent === null ? '' : ` (${absent})`}`,
        async () => {
          const path = kubectl?.path ?? ''
          const cache = join(directory, version)
          await mkdir(cache)
          const context = `e2e.example.com-${contextOf(cluster)}`
          const raw = kubectlWith(path, kubeconfig, context, cache)
          const k = async (args: readonly string[], input?: string): Promise<string> => {
            const done = await raw(['-n', NAMESPACE, ...args], input === undefined ? {} : { input })
            expect(done.code, `kubectl ${args.join(' ')}: ${done.stderr}`).toBe(0)
            return done.stdout
          }
          const running = (...args: string[]): Running =>
            new Running(
              path,
              ['--kubeconfig', kubeconfig, '--context', context, '-n', NAMESPACE, ...args],
              { env: { ...process.env, HOME: cache } },
            )
          await k(['create', 'namespace', NAMESPACE])
          try {
            await expect
              .poll(
                async () => (await raw(['-n', NAMESPACE, 'get', 'serviceaccount', 'default'])).code,
              )
              .toBe(0)
            await using watching = running(
              'get',
              'pods',
              '-w',
              '-o',
              'jsonpath={.status.phase}{"\\n"}',
            )
            await k(['apply', '-f', '-'], POD)
            await watching.until(({ stdout }) => stdout.includes('Running'), 60_000)

            expect(await k(['exec', 'box', '--', 'sh', '-c', 'echo out; echo err >&2'])).toBe(
              'out\n',
            )
            expect(
              (await raw(['-n', NAMESPACE, 'exec', 'box', '--', 'sh', '-c', 'exit 7'])).code,
            ).toBe(7)
            expect(await k(['exec', '-i', 'box', '--', 'cat'], 'through stdin')).toBe(
              'through stdin',
            )
            await using following = running('logs', '-f', 'box')
            await following.until(({ stdout }) => /tick 1\n(?:.*\n)*tick 3\n/.test(stdout), 60_000)

            const given = join(cache, 'given')
            const bytes = randomBytes(5 * 1024 * 1024)
            await writeFile(given, bytes)
            await k(['cp', given, 'box:/tmp/given'])
            const sum = createHash('sha256').update(bytes).digest('hex')
            expect(await k(['exec', 'box', '--', 'sha256sum', '/tmp/given'])).toContain(sum)
            const back = join(cache, 'back')
            const copied = await copyOut((args) => raw(['-n', NAMESPACE, ...args]), version, [
              'box:/tmp/given',
              back,
            ])
            expect(copied.code, copied.stderr).toBe(0)
            expect(
              createHash('sha256')
                .update(await readFile(back))
                .digest('hex'),
            ).toBe(sum)
          } finally {
            await raw(['delete', 'namespace', NAMESPACE, '--wait=false'])
          }
        },
      )
    }

    it('tsh kube each goes around it by itself', async () => {
      const joe = new Person(directory)
      const each = await joe.tsh(
        ...['kube', 'each', '--all', '--program', clusters[0]?.kubectl ?? ''],
        ...['--', 'get', 'namespaces', '-o', 'name'],
      )
      expect(each.code, each.stderr).toBe(0)
      for (const cluster of clusters) {
        expect(each.stdout).toMatch(new RegExp(`${contextOf(cluster)}\\S* +\\| +namespace/default`))
      }
    })

    it('the audit log has the addresses that the balancer wrote, and the balancer saw nothing', async () => {
      const events = await daemon.events('--event=kube.request', '--user=joe')
      expect(events.length).toBeGreaterThan(10)
      for (const event of events) expect(event['addr.remote']).toMatch(/^203\.0\.113\.9:/)
      expect(balancer.text).not.toContain(NAMESPACE)
      expect(balancer.text).not.toContain('tick 1')
    })

    it('tctl goes the same way by the login of tsh', async () => {
      await daemon.tctl('users', 'update', 'joe', '--roles=access,editor')
      const joe = new Person(directory)
      const again = await joe.tshReading(
        `${PASSWORD}\n`,
        ...[
          'login',
          '--user=joe',
          '--ttl=60',
          '--password-stdin',
          `--proxy=127.0.0.1:${balancer.port}`,
        ],
      )
      expect(again.code, again.stderr).toBe(0)
      const tctl = join(TSH, '../tctl')
      const users = await mustRun(tctl, ['users', 'ls', `--proxy=127.0.0.1:${balancer.port}`], {
        env: { ...joe.env, TELEPORT_CONFIG_FILE: undefined },
      })
      expect(users).toContain('joe')
    })
  },
)
