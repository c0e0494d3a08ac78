import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:tls'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readAdminIdentity } from '../../src/client/index.ts'
import { chromiumPath, launchBrowser, missingBrowser, Visit } from './support/browser.ts'
import { TestConsole } from './support/console.ts'

/** React's own, for production, is 190 kB of it; the one for development alone is above. */
const MAX_SCRIPT_BYTES = 400_000

describe.skipIf(chromiumPath === null)(`a proxy in a browser${missingBrowser}`, () => {
  let teleport: TestConsole
  let browser: Browser

  beforeAll(async () => {
    teleport = await TestConsole.start()
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await teleport?.[Symbol.asyncDispose]()
  })

  it('answers at an IP address too, with a certificate for it', async () => {
    const { hostCa } = await readAdminIdentity(`${teleport.daemon.directory}/data`)
    const { web: port } = teleport.daemon.ports
    const socket = connect({ host: '127.0.0.1', port, ca: hostCa, servername: '' })
    await once(socket, 'secureConnect')
    expect({ judged: socket.authorized, version: socket.getProtocol() }).toEqual({
      judged: true,
      version: 'TLSv1.3',
    })
    socket.destroy()
  })

  it('says what it is and how to log in', async () => {
    await using visit = await Visit.open(browser)
    expect(await visit.goto(teleport.url('/'))).toBe(200)
    await visit.page.getByRole('heading', { name: 'e2e.example.com' }).waitFor()
    const words = await visit.page.getByRole('main').innerText()
    expect(words).toContain(`tsh login --proxy=${teleport.host}`)
    await visit.assertGood()
  })

  it('says so where there is no page, and leads home', async () => {
    await using visit = await Visit.open(browser)
    expect(await visit.goto(teleport.url('/web/clusters'))).toBe(404)
    expect(await visit.heading()).toBe('There is no such page')
    await visit.page.getByRole('link', { name: 'How to log in at this proxy' }).click()
    await visit.page.getByRole('heading', { name: 'e2e.example.com' }).waitFor()
    await visit.assertGood()
  })

  it('is light: the script is the one for production, compressed', async () => {
    await using visit = await Visit.open(browser)
    const script = visit.page.waitForResponse(/\.js$/)
    await visit.goto(teleport.url('/'))
    const response = await script
    expect(await response.headerValue('content-encoding')).toMatch(/^(br|gzip)$/)
    expect((await response.body()).length).toBeLessThan(MAX_SCRIPT_BYTES)
  })

  it('runs no script but its own: neither text that becomes code, nor a script from elsewhere', async () => {
    await using visit = await Visit.open(browser)
    await visit.goto(teleport.url('/'))
    const outcomes = await visit.page.evaluate(() => {
      const attempt = (act: (script: HTMLScriptElement) => void): string => {
        const script = document.createElement('script')
        try {
          act(script)
        } catch (error) {
          return String(error)
        }
        document.body.append(script)
        return 'taken'
      }
      return [
        attempt((script) => {
          script.text = 'globalThis.injected = true'
        }),
        attempt((script) => {
          script.src = 'https://elsewhere.example.com/x.js'
        }),
        attempt(() => {
          document.body.innerHTML = '<img src=x>'
        }),
        String(Reflect.get(globalThis, 'injected')),
      ]
    })
    expect(outcomes).toEqual([
      expect.stringContaining('TrustedScript'),
      expect.stringContaining('TrustedScriptURL'),
      expect.stringContaining('TrustedHTML'),
      'undefined',
    ])
    // By the same means every other test notices a violation.
    await expect
      .poll(() => visit.wrongs)
      .toContainEqual(expect.stringContaining('policy: require-trusted-types-for'))
  })

  it('cannot be put into a frame of another page', async () => {
    await using visit = await Visit.open(browser)
    const another = createServer((_, response) => {
      response
        .setHeader('content-type', 'text/html')
        .end(`<title>another</title><iframe src="${teleport.url('/')}"></iframe>`)
    })
    await once(another.listen(0, '127.0.0.1'), 'listening')
    try {
      const failed = visit.page.waitForEvent('requestfailed', {
        predicate: (request) => request.url() === teleport.url('/'),
      })
      const { port } = another.address() as AddressInfo
      await visit.page.goto(`http://127.0.0.1:${port}/`)
      expect((await failed).failure()?.errorText).toBe('net::ERR_BLOCKED_BY_RESPONSE')
    } finally {
      another.closeAllConnections()
      another.close()
    }
  })
})
