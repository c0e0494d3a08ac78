import { join } from 'node:path'
import axe from 'axe-core'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { expect, inject } from 'vitest'

/** Where the browser is; null where there is none. */
export const chromiumPath: string | null = inject('chromium')

/** As a suffix of the name of what is skipped. */
export const missingBrowser: string = chromiumPath === null ? ' (no Chromium here)' : ''

/** Nothing that goes out by itself, and no profile but the one that playwright makes and removes. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export function launchBrowser(): Promise<Browser> {
  if (chromiumPath === null) throw new Error('there is no Chromium here')
  return chromium.launch({ executablePath: chromiumPath, headless: true, args: FLAGS })
}

export type Scheme = 'light' | 'dark'
export const SIZES = {
  phone: { width: 360, height: 740 },
  desktop: { width: 1280, height: 800 },
} as const

const NETWORK_CHANGED = /ERR_NETWORK_CHANGED/
const MAX_LOADS = 5

/**
 * One person's browser window. It notes everything that a page must not do: violations of its policy, errors, requests to
 * other hosts; `assertGood` fails with them.
 */
export class Visit implements AsyncDisposable {
  readonly page: Page
  readonly #context: BrowserContext
  /** What the page must not have done. */
  readonly wrongs: string[] = []
  #origin: string | null = null
  /**
   * Chromium gives up what it is loading when an interface of the machine comes or goes, as they do with each pod of a cluster on
   * it. What follows from that, a style sheet that is missing for one, is no wrong of the page.
   */
  #networkChanged = false
  /** Answers of the API and pages that are refusals are errors to the console, and no wrongs. */
  readonly #refusal = /Failed to load resource: .*\b(400|401|403|404|409|410|429|503)\b/

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context
    this.page = page
  }

  static async open(
    browser: Browser,
    options: { readonly scheme?: Scheme; readonly size?: keyof typeof SIZES } = {},
  ): Promise<Visit> {
    const context = await browser.newContext({
      ignoreHTTPSErrors: true,
      colorScheme: options.scheme ?? 'light',
      viewport: SIZES[options.size ?? 'desktop'],
      reducedMotion: 'reduce',
      locale: 'en-GB',
      timezoneId: 'UTC',
      permissions: ['clipboard-read', 'clipboard-write'],
    })
    // Before any script of the page, and outside of what its policy governs.
    await context.addInitScript({ content: axe.source })
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)
      })
    })
    const visit = new Visit(context, await context.newPage())
    visit.#watch()
    return visit
  }

  #watch(): void {
    this.page.on('console', (message) => {
      const text = message.text()
      if (['error', 'warning'].includes(message.type()) && !this.#refusal.test(text)) {
        this.wrongs.push(text)
      }
    })
    this.page.on('requestfailed', (request) => {
      if (NETWORK_CHANGED.test(request.failure()?.errorText ?? '')) this.#networkChanged = true
    })
    this.page.on('pageerror', (error) => this.wrongs.push(String(error)))
    this.page.on('request', (request) => {
      const url = new URL(request.url())
      if (url.protocol !== 'data:' && this.#origin !== null && url.origin !== this.#origin) {
        this.wrongs.push(`a request to ${url.origin}`)
      }
    })
  }

  /** Goes there and waits for the heading. Resolves to the status of the answer. */
  async goto(url: string): Promise<number> {
    this.#origin = new URL(url).origin
    for (let times = 1; ; times += 1) {
      this.#networkChanged = false
      try {
        const response = await this.page.goto(url)
        await this.page.getByRole('heading', { level: 1 }).waitFor()
        if (!this.#networkChanged || times === MAX_LOADS) return response?.status() ?? 0
      } catch (error) {
        if (!this.#networkChanged || times === MAX_LOADS) throw error
      }
      this.wrongs.length = 0
    }
  }

  /** A picture for people to look at, where TELEPORT_TEST_SHOTS names a directory. */
  async picture(name: string): Promise<void> {
    const directory = process.env['TELEPORT_TEST_SHOTS']
    if (directory === undefined) return
    await this.page.screenshot({ path: join(directory, `${name}.png`), fullPage: true })
  }

  heading(): Promise<string> {
    return this.page.getByRole('heading', { level: 1 }).innerText()
  }

  /** Nothing that was noted, nothing that axe finds, and nothing wider than the window. */
  async assertGood(): Promise<void> {
    const found = await this.page.evaluate(async () => {
      // axe came with the init script.
      const { axe: judge } = globalThis as unknown as { axe: typeof axe }
      const { violations, passes } = await judge.run(document, {
        resultTypes: ['violations', 'incomplete'],
      })
      return {
        looked: passes.length,
        violations: violations.map(
          ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`,
        ),
        overflow: document.documentElement.scrollWidth > window.innerWidth,
      }
    })
    expect(found.looked).toBeGreaterThan(5)
    const wrongs = this.#networkChanged ? [] : this.wrongs
    expect({ ...found, looked: 0, wrongs }).toEqual({
      looked: 0,
      violations: [],
      overflow: false,
      wrongs: [],
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close()
  }
}
