import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBox } from '../e2e/support/box.ts'
import { type Cluster, clusters, contextOf, mergedKubeconfig } from '../e2e/support/environment.ts'
import { TestDaemon } from '../support/daemon.ts'
import { runProgram } from '../support/process.ts'
import { typeAtTerminal } from '../support/terminal.ts'
import { chromiumPath, launchBrowser, Visit } from './support/browser.ts'
import { authenticator, fill, next, save } from './support/invite-form.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const PASSWORD = 'nine lamps above the harbour'

const missing = [
  ...(chromiumPath === null ? ['no Chromium here'] : []),
  ...(clusters.length === 0 ? ['no real cluster here'] : []),
]

describe.skipIf(missing.length > 0)(
  `a person who was given a link${missing.length === 0 ? '' : ` (${missing.join(', ')})`}`,
  () => journey(clusters as readonly [Cluster, ...Cluster[]]),
)

/** Nothing here knows more than the person: what is typed stands on the page, on the screen, or was said by the administrator. */
function journey(all: readonly [Cluster, ...Cluster[]]): void {
  const namespace = `person-${Date.now().toString(36)}`
  const stack = new AsyncDisposableStack()
  let directory: string
  let daemon: TestDaemon
  let browser: Browser

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'person-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    daemon = stack.use(
      await TestDaemon.start({
        kubeconfig: await mergedKubeconfig(directory),
        config: { auth_service: { authentication: { type: 'local', second_factor: 'otp' } } },
      }),
    )
    for (const cluster of all) stack.defer(await startBox(cluster, namespace))
    browser = await launchBrowser()
    stack.defer(() => browser.close())
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  it('sets a password in a browser, logs in once, works in every cluster, and is in the audit log', async () => {
    const home = join(directory, 'home')
    await mkdir(home)
    const kubectl = all.at(-1)?.kubectl ?? ''
    const env = {
      HOME: home,
      PATH: [dirname(kubectl), process.env['PATH']].join(delimiter),
      KUBECONFIG: undefined,
      TELEPORT_HOME: undefined,
      TELEPORT_PROXY: undefined,
      TELEPORT_USER: undefined,
    }
    const shell = async (line: string): Promise<string> => {
      const done = await runProgram('bash', ['-euo', 'pipefail', '-c', line], { cwd: ROOT, env })
      expect(done, `${line}\n${done.stderr}`).toMatchObject({ code: 0 })
      return done.stdout
    }

    // The administrator.
    const added = await daemon.tctl('users', 'add', 'joe', '--k8s-groups=system:masters')
    const link = /https:\/\/\S+/.exec(added)?.[0] ?? ''
    const [pin = ''] = /sha256:[0-9a-f]{64}/.exec(await daemon.tctl('status')) ?? []

    // The browser.
    await using visit = await Visit.open(browser)
    const { page } = visit
    expect(await visit.goto(link)).toBe(200)
    const app = await authenticator(page)
    await fill(page, { password: PASSWORD, code: app.generate() })
    await save(page).click()
    await page.getByRole('heading', { name: 'You are set, joe' }).waitFor()
    await page.getByRole('button', { name: 'Copy the command' }).first().click()
    const command = await page.evaluate(() => navigator.clipboard.readText())
    await visit.assertGood()

    // The terminal.
    const screen = await typeAtTerminal(
      `npx ${command}`,
      [
        ['or paste the pin', pin],
        ['Password for joe: ', PASSWORD],
        ['One-time code: ', next(app)],
      ],
      { cwd: ROOT, env },
    )
    expect(screen).toContain('Logged in as:')
    expect(screen).not.toContain(PASSWORD)

    for (const cluster of all) {
      await shell(`npx tsh kube login ${contextOf(cluster)}`)
      expect(await shell(`kubectl -n ${namespace} get pods`)).toMatch(/^box +1\/1 +Running/m)
      const said = await shell(`kubectl -n ${namespace} exec box -- sh -c 'hostname; id -un'`)
      expect(said).toBe('box\nroot\n')
    }

    // The administrator, afterwards.
    const audit = await daemon.tctl('audit', 'ls', '--user=joe')
    for (const cluster of all) {
      const name = contextOf(cluster)
      const lines = audit.split('\n').filter((line) => line.includes(name))
      expect(lines.find((line) => line.includes('list pods'))).toMatch(/\bjoe\b.* 200/)
      expect(lines.find((line) => line.includes('exec'))).toMatch(/\bjoe\b.*\bbox\b/)
    }
    expect(audit).toMatch(/user\.login\b.*\bjoe\b/)
    const [login] = await daemon.events('--user=joe', '--event=user.login')
    expect(login).toMatchObject({ success: true, user: 'joe', code: 'T1000I' })
    expect(await daemon.tctl('users', 'ls')).toMatch(/^joe .*\d{4}-\d\d-\d\dT/m)
  })
}
