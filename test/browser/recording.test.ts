import { generateKeyPair } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiClient, readAdminIdentity } from '../../src/client/index.ts'
import { silentLogger, systemClock } from '../../src/core/index.ts'
import type { RecordFrame } from '../../src/recording/index.ts'
import { openDirectoryStore } from '../../src/recordings/index.ts'
import { freshFacts, keepRecording, output, session } from '../support/recordings.ts'
import { chromiumPath, launchBrowser, missingBrowser, Visit } from './support/browser.ts'
import { TestConsole } from './support/console.ts'

/** A shell in which somebody looked around. */
const SHELL: readonly RecordFrame[] = [
  { kind: 'resize', atMs: 0, width: 92, height: 22 },
  output(200, '\u001b[1;32m~ #\u001b[0m '),
  output(900, 'ls -la /srv\r\n'),
  output(
    1000,
    'drwxr-xr-x  4 root root  4096 Nov 25 18:40 \u001b[1;34mconfig\u001b[0m\r\n-rw-r-----  1 root app    812 Nov 25 18:40 \u001b[31msecrets.env\u001b[0m\r\n',
  ),
  output(1100, '\u001b[1;32m~ #\u001b[0m '),
  { kind: 'marker', atMs: 2600, label: 'bob joined as an observer' },
  output(62_000, 'exit\r\n'),
]
/** A command without a terminal that went wrong. */
const PIPE: readonly RecordFrame[] = [
  output(50, 'copying 3 files\nconfig.yaml\n'),
  output(90, 'cp: cannot open ', 'stderr'),
  output(95, "'/srv/secrets.env': Permission denied\n", 'stderr'),
  {
    kind: 'omitted',
    atMs: 2000,
    stream: 'stdout',
    bytes: 5_242_880,
    sha256: '5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8',
  },
]

describe.skipIf(chromiumPath === null)(`a recording in a browser${missingBrowser}`, () => {
  let teleport: TestConsole
  let browser: Browser
  let directory: string
  let ids: Record<'shell' | 'pipe' | 'cut' | 'encrypted' | 'silent', string>

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'recordings-'))
    const store = await openDirectoryStore({
      path: directory,
      clock: systemClock,
      log: silentLogger,
    })
    const recipient = await identityToRecipient(await generateIdentity())
    const keep = async (
      ...args: Parameters<typeof keepRecording> extends [unknown, ...infer R] ? R : never
    ) => (await keepRecording(store, ...args)).sessionId
    const pipe = freshFacts({ tty: false, command: ['sh', '-c', 'cp -v /srv/* /backup'] })
    ids = {
      shell: await keep(session(freshFacts(), SHELL)),
      pipe: await keep(session(pipe, PIPE, { exitCode: 1, reason: 'exited' })),
      cut: await keep(session(freshFacts(), SHELL.slice(0, 4), null), { end: 'cut' }),
      encrypted: await keep(session(freshFacts(), SHELL), { recipients: [recipient] }),
      silent: await keep(session(freshFacts({ command: ['true'] }), [])),
    }
    teleport = await TestConsole.start({ recordings: directory })
    browser = await launchBrowser()
    await teleport.admin.call('roles.create', {
      body: {
        kind: 'role',
        version: 'v7',
        metadata: { name: 'reviewer' },
        spec: { allow: { rules: [{ resources: ['session'], verbs: ['list', 'read'] }] } },
      },
    })
    await teleport.admin.call('users.create', {
      body: {
        kind: 'user',
        version: 'v2',
        metadata: { name: 'rita' },
        spec: { roles: ['reviewer'] },
      },
    })
  })
  afterAll(async () => {
    await browser?.close()
    await teleport?.[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  /** The link that `tsh recordings open` prints for a reviewer. */
  async function link(id: string): Promise<string> {
    const { publicKey, privateKey } = await promisify(generateKeyPair)('ec', {
      namedCurve: 'P-256',
    })
    const { certificate } = await teleport.admin.call('users.certificates.create', {
      params: { name: 'rita' },
      body: { public_key: publicKey.export({ type: 'spki', format: 'pem' }).toString() },
    })
    const admin = await readAdminIdentity(`${teleport.daemon.directory}/data`)
    using rita = new ApiClient({
      ...admin,
      certificate,
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    })
    const { path } = await rita.call('recordings.link', { params: { id } })
    return teleport.url(path)
  }

  const screen = (page: Page): Promise<string> => page.locator('.ap-term-text').innerText()

  it.each(['light', 'dark'] as const)(
    'plays, and tells whose session it was (%s)',
    async (scheme) => {
      await using visit = await Visit.open(browser, { scheme })
      const { page } = visit
      expect(await visit.goto(await link(ids.shell))).toBe(200)
      expect(await visit.heading()).toBe('alice in web-0')
      expect(new URL(page.url()).hash).toBe('')
      await page.locator('.ap-term-text').waitFor()
      await page.getByRole('button', { name: 'Go to 00:02' }).click()
      await expect.poll(() => screen(page)).toMatch(/ls -la \/srv[\s\S]*secrets\.env/)
      const words = await page.getByRole('main').innerText()
      for (const told of ['bob joined', 'team/web-0', 'with exit code 0', 'rita looks at this']) {
        expect(words).toContain(told)
      }
      await visit.picture(`recording-${scheme}`)
      await visit.assertGood()
    },
  )

  it('shows what went to stderr, and what is not kept, beside the player', async () => {
    await using visit = await Visit.open(browser, { size: 'phone' })
    const { page } = visit
    await visit.goto(await link(ids.pipe))
    const moments = page.getByRole('region', { name: 'What happened' })
    await moments.getByText("cp: cannot open '/srv/secrets.env': Permission denied").waitFor()
    await moments.getByText('5242880 bytes of stdout are not kept').waitFor()
    expect(await page.getByRole('main').innerText()).toContain('with exit code 1')
    await visit.picture('recording-pipe-phone')
    await visit.assertGood()
  })

  it('can be played by the keyboard alone', async () => {
    await using visit = await Visit.open(browser)
    const { page } = visit
    await visit.goto(await link(ids.shell))
    const player = page.getByRole('region', { name: 'Player' })
    await player.getByRole('button', { name: 'Play' }).waitFor()
    await page.keyboard.press('Space')
    await player.getByRole('button', { name: 'Pause' }).waitFor()
    await page.keyboard.press(']')
    await expect.poll(() => screen(page)).toContain('secrets.env')
    // To the list below, by the keyboard too.
    await page.getByRole('button', { name: 'Go to 01:02' }).focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => screen(page)).toContain('exit')
    await visit.assertGood()
  })

  it('says so of one whose end is missing', async () => {
    await using visit = await Visit.open(browser, { scheme: 'dark' })
    await visit.goto(await link(ids.cut))
    await visit.page.getByText('The end of this session is missing').waitFor()
    await visit.page.getByText('Cut off').waitFor()
    await visit.page.locator('.ap-term-text').waitFor()
    await visit.picture('recording-cut')
    await visit.assertGood()
  })

  it('says so of one that printed nothing', async () => {
    await using visit = await Visit.open(browser)
    await visit.goto(await link(ids.silent))
    await visit.page.getByText('This session printed nothing.').waitFor()
    await visit.assertGood()
  })

  it('cannot show an encrypted one, and says who can', async () => {
    await using visit = await Visit.open(browser)
    const { page } = visit
    await visit.goto(await link(ids.encrypted))
    await page.getByRole('heading', { name: 'Only who has the key' }).waitFor()
    expect(await page.getByRole('main').innerText()).toContain(
      `tsh play --age-identity=key.txt ${ids.encrypted}`,
    )
    await visit.picture('recording-encrypted')
    await visit.assertGood()
  })

  it('opens once, in one browser, and there again for a while', async () => {
    const url = await link(ids.shell)
    await using mine = await Visit.open(browser)
    await mine.goto(url)
    expect(await mine.heading()).toBe('alice in web-0')
    await mine.page.reload()
    await mine.page.locator('.ap-term-text').waitFor()
    expect(await mine.heading()).toBe('alice in web-0')
    // The link itself, clicked again.
    await mine.page.goto('about:blank')
    await mine.goto(url)
    expect(await mine.heading()).toBe('alice in web-0')

    await using another = await Visit.open(browser)
    await another.goto(url)
    expect(await another.heading()).toBe('This link was used already')
    await another.picture('recording-used')
    await another.assertGood()
    await another.page.goto('about:blank')
    await another.goto(url.replace(/#.*/, ''))
    expect(await another.heading()).toBe('You have to open it anew')
    await another.assertGood()
  })

  it('says so when the link is none (any more)', async () => {
    await using visit = await Visit.open(browser)
    const url = await link(ids.shell)
    await visit.goto(url.replace(/#.*/, `#${'0'.repeat(32)}`))
    expect(await visit.heading()).toBe('This link has ended')
    expect(await visit.page.getByRole('main').innerText()).toContain(
      `tsh recordings open ${ids.shell}`,
    )
    await visit.assertGood()
  })

  it('gives the cookie to the paths of this recording alone, out of the reach of scripts', async () => {
    await using visit = await Visit.open(browser)
    await visit.goto(await link(ids.shell))
    const cookies = await visit.page
      .context()
      .cookies(teleport.url(`/webapi/recordings/${ids.shell}`))
    expect(cookies).toMatchObject([
      {
        name: '__Secure-teleport-recording',
        path: `/webapi/recordings/${ids.shell}`,
        httpOnly: true,
        secure: true,
        sameSite: 'Strict',
      },
    ])
    expect(await visit.page.evaluate(() => document.cookie)).toBe('')
    const other = await visit.page.evaluate(
      async (path) => (await fetch(path)).status,
      `/webapi/recordings/${ids.pipe}`,
    )
    expect(other).toBe(401)
  })

  it('runs no script but its own, although the player makes elements out of text', async () => {
    await using visit = await Visit.open(browser)
    await visit.goto(await link(ids.shell))
    await visit.page.locator('.ap-term-text').waitFor()
    const outcomes = await visit.page.evaluate(() =>
      ['<img src=x onerror=alert(1)>', '<script>alert(1)</script>', '<div class=ap-x></div>'].map(
        (markup) => {
          const element = document.createElement('div')
          try {
            element.innerHTML = markup
            return element.childElementCount
          } catch (error) {
            return String(error)
          }
        },
      ),
    )
    expect(outcomes).toEqual([
      expect.stringContaining('none of the player'),
      expect.stringContaining('none of the player'),
      1,
    ])
  })

  it('is in the audit log, with who looked, from where', async () => {
    await using visit = await Visit.open(browser)
    await visit.goto(await link(ids.pipe))
    await visit.page.locator('.ap-term-text').waitFor()
    const [look] = await teleport.daemon.events('--event=session.recording.access', '--user=rita')
    expect(look).toMatchObject({
      sid: ids.pipe,
      session_user: 'alice',
      method: 'web',
      code: 'T2012I',
    })
  })
})
