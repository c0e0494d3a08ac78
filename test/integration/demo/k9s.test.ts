import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { type DemoCluster, openDemoCluster } from '../../../src/demo/index.ts'
import { TestDaemon } from '../../support/daemon.ts'
import { KubeClient } from '../../support/kube-client.ts'
import { Running } from '../../support/process.ts'

/** The k9s of this machine (`TELEPORT_TEST_K9S`, else that of the PATH). */
function findK9s(): string | null {
  const named = process.env['TELEPORT_TEST_K9S'] ?? ''
  if (named !== '') return named
  const paths = (process.env['PATH'] ?? '').split(delimiter).map((path) => join(path, 'k9s'))
  return paths.find((path) => existsSync(path)) ?? null
}

const k9s = findK9s()
const without = k9s === null ? ' (optional: no k9s here)' : ''

describe.skipIf(k9s === null)(`k9s at the demo cluster, through Teleport${without}`, () => {
  let directory: string
  let demo: DemoCluster
  let daemon: TestDaemon
  let kubeconfig: string

  beforeAll(async () => {
    if (k9s === null) return
    directory = await mkdtemp(join(tmpdir(), 'k9s-'))
    demo = await openDemoCluster({ clock: systemClock, log: silentLogger })
    const own = join(directory, 'demo.kubeconfig')
    await writeFile(own, demo.kubeconfig(), { mode: 0o600 })
    daemon = await TestDaemon.start({ kubeconfig: own })
    await daemon.tctl('users', 'add', 'joe', '--k8s-groups=system:masters')
    kubeconfig = await daemon.sign('joe')
  })
  afterAll(async () => {
    if (k9s === null) return
    await daemon[Symbol.asyncDispose]()
    await demo[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  it('lists pods, follows what changes, describes, shows logs, and finds nothing to complain about', async () => {
    const log = join(directory, 'k9s.log')
    const line = `stty rows 40 cols 160; exec ${k9s} --kubeconfig ${kubeconfig} --logLevel debug --logFile ${log} -n demo -c pods`
    await using terminal = new Running('script', ['-qefc', line, '/dev/null'], {
      env: {
        ...process.env,
        TERM: 'xterm-256color',
        HOME: directory,
        K9S_CONFIG_DIR: join(directory, 'config'),
        K9S_LOGS_DIR: directory,
      },
    })
    let from = 0
    const shows = async (words: RegExp): Promise<void> => {
      await terminal.until(({ stdout }) => words.test(stripVTControlCharacters(stdout.slice(from))))
      from = terminal.stdout.length
    }
    const type = (keys: string): void => void terminal.child.stdin?.write(keys)

    await shows(/hello-[a-z0-9]+-[a-z0-9]+/)
    using client = await KubeClient.open(demo.kubeconfig())
    const scaled = await client.ask(
      'PATCH',
      '/apis/apps/v1/namespaces/demo/deployments/hello/scale',
      {
        body: { spec: { replicas: 3 } },
        headers: { 'content-type': 'application/merge-patch+json' },
      },
    )
    expect(scaled.status).toBe(200)
    // Only what differs is drawn: of the third pod, its whole line.
    await shows(/hello-[a-z0-9]+-[a-z0-9]+/)
    type('d')
    await shows(/Service Account/)
    type('\u001b')
    await shows(/Running/)
    type('l')
    await shows(/lines are made up/)
    type('\u001b')
    await shows(/Running/)
    type(':crd\r')
    await shows(/customresourcedefinitions/)
    type(':ns\r')
    await shows(/kube-system/)
    type('\u0003')
    await terminal.ended()
    const said = stripVTControlCharacters(await readFile(log, 'utf8'))
    expect(said.split('\n').filter((each) => / ERR |Failed to watch/.test(each))).toEqual([])
  })
})
