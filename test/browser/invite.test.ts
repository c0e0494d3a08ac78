import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  chromiumPath,
  launchBrowser,
  missingBrowser,
  type Scheme,
  SIZES,
  Visit,
} from './support/browser.ts'
import { TestConsole } from './support/console.ts'
import {
  authenticator,
  code,
  currentCode,
  fill,
  next,
  password,
  repeated,
  save,
} from './support/invite-form.ts'

const PASSWORD = 'violet kettle on tuesday'
const SHORTEST_TTL_MS = 60_000
const SCHEMES: readonly Scheme[] = ['light', 'dark']
const LOOKS = SCHEMES.flatMap((scheme) =>
  Object.keys(SIZES).map((size) => ({ scheme, size: size as keyof typeof SIZES })),
)

/** A code that is none of now, of just before or just after. */
const wrongCode = async (page: Page): Promise<string> => {
  const right = Number(await currentCode(page))
  return String((right + 500_000) % 1_000_000).padStart(6, '0')
}

describe.skipIf(chromiumPath === null)(`a link in a browser${missingBrowser}`, () => {
  let teleport: TestConsole
  let browser: Browser
  let short: { path: string; expires: string }

  beforeAll(async () => {
    teleport = await TestConsole.start()
    browser = await launchBrowser()
    // Looked at again at the end, when it is over.
    short = await teleport.invite('late', SHORTEST_TTL_MS)
  })
  afterAll(async () => {
    await browser?.close()
    await teleport?.[Symbol.asyncDispose]()
  })

  it('leads to a login: password, code, and the next command', async () => {
    const url = await teleport.printedLink('users', 'add', 'joe')
    await using visit = await Visit.open(browser)
    const { page } = visit
    expect(await visit.goto(url)).toBe(200)
    expect(await visit.heading()).toBe('Welcome, joe')
    await expect(page.title()).resolves.toBe('Welcome, joe · Teleport')
    expect(await page.getByRole('main').innerText()).toContain('e2e.example.com')

    const app = await authenticator(page)
    await fill(page, { password: PASSWORD, code: app.generate() })
    await save(page).click()
    await page.getByRole('heading', { name: 'You are set, joe' }).waitFor()
    await page.getByRole('button', { name: 'Copy the command' }).first().click()
    await page.getByText('Copied', { exact: true }).waitFor()
    const copied = await page.evaluate(() => navigator.clipboard.readText())
    expect(copied).toBe(`tsh login --proxy=${new URL(url).host} --user=joe`)
    await visit.assertGood()

    expect(await teleport.passwordChanges('joe')).toMatchObject([{ second_factor: 'otp' }])
    await expect(teleport.logIn('joe', `${PASSWORD}.`, next(app))).rejects.toMatchObject({
      code: 'LOGIN_REFUSED',
    })
    expect(await teleport.logIn('joe', PASSWORD, next(app))).toBe('joe')
  })

  it('works once: whoever opens it again is told what to do', async () => {
    const { path } = await teleport.invite('once')
    await using visit = await Visit.open(browser)
    const { page } = visit
    await visit.goto(teleport.url(path))
    await fill(page, { password: PASSWORD, code: await currentCode(page) })
    await save(page).click()
    await page.getByRole('heading', { name: 'You are set, once' }).waitFor()

    await visit.goto(teleport.url(path))
    expect(await visit.heading()).toBe('This link does not work')
    const words = await page.getByRole('main').innerText()
    expect(words).toContain('tctl users reset')
    expect(words).toContain(`tsh login --proxy=${teleport.host}`)
    await visit.assertGood()
  })

  it('that was replaced while the form was open ends the form', async () => {
    const { path } = await teleport.invite('replaced')
    await using visit = await Visit.open(browser)
    const { page } = visit
    await visit.goto(teleport.url(path))
    await fill(page, { password: PASSWORD, code: await currentCode(page) })
    await teleport.link('replaced', 'invite')
    await save(page).click()
    await page.getByRole('heading', { name: 'This link does not work' }).waitFor()
    expect(await teleport.passwordChanges('replaced')).toEqual([])
    await visit.assertGood()
  })

  it('is the same in all who do not know it: nobody learns whether it ever was one', async () => {
    await using visit = await Visit.open(browser)
    await visit.goto(teleport.url(`/web/invite/${'0'.repeat(32)}`))
    expect(await visit.heading()).toBe('This link does not work')
  })

  it('that lost a part is told from one that ended', async () => {
    await using visit = await Visit.open(browser)
    expect(await visit.goto(teleport.url('/web/invite/0123456789abcdef'))).toBe(404)
    expect(await visit.heading()).toBe('This link is not whole')
    await visit.assertGood()
  })

  it('resets: the words are others, the way is the same', async () => {
    await teleport.invite('again')
    const url = await teleport.printedLink('users', 'reset', 'again')
    expect(url).toContain('/web/reset/')
    await using visit = await Visit.open(browser)
    const { page } = visit
    await visit.goto(url)
    expect(await visit.heading()).toBe('A new password for again')
    await visit.assertGood()
    await fill(page, { password: PASSWORD, code: await currentCode(page) })
    await save(page).click()
    await page.getByRole('heading', { name: 'Your new login is saved' }).waitFor()
    await visit.assertGood()
  })

  describe('what is wrong stands at its field, and the cursor goes there', () => {
    it('entries that the page itself can judge are not sent', async () => {
      const { path } = await teleport.invite('empty')
      await using visit = await Visit.open(browser)
      const { page } = visit
      await visit.goto(teleport.url(path))
      const sent: string[] = []
      page.on('request', (request) => sent.push(request.url()))
      await save(page).click()
      await page.getByText('Choose a password.').waitFor()
      expect(await password(page).evaluate((input) => input === document.activeElement)).toBe(true)
      expect(await password(page).getAttribute('aria-invalid')).toBe('true')
      await password(page).fill('short')
      await page.getByText('7 to go').waitFor()
      await repeated(page).fill('shirt')
      await save(page).click()
      await page.getByText('this one has 5').waitFor()
      await page.getByText('This is not the same as the password above.').waitFor()
      await page.getByText('Type the 6 digits').waitFor()
      expect(sent).toEqual([])
      await visit.assertGood()
    })

    it.each([
      ['common', 'password1234', 'among the first that are tried'],
      ['named', 'named after nobody', 'contains the user name'],
      ['simple', 'aaaaaaaaaaaaaaaa', 'is one pattern'],
    ])('the server refuses what is %s: "%s"', async (user, weak, words) => {
      const { path } = await teleport.invite(user)
      await using visit = await Visit.open(browser)
      const { page } = visit
      await visit.goto(teleport.url(path))
      await fill(page, { password: weak, code: await currentCode(page) })
      await save(page).click()
      await page.locator('#password-error').getByText(words).waitFor()
      expect(await password(page).evaluate((input) => input === document.activeElement)).toBe(true)
      await visit.assertGood()

      await fill(page, { password: PASSWORD, code: await currentCode(page) })
      await save(page).click()
      await page.getByRole('heading', { name: /^You are set/ }).waitFor()
    })

    it('a wrong code is refused, and the right one taken after it', async () => {
      const { path } = await teleport.invite('wrong-code')
      await using visit = await Visit.open(browser)
      const { page } = visit
      await visit.goto(teleport.url(path))
      await fill(page, { password: PASSWORD, code: await wrongCode(page) })
      await save(page).click()
      await page.getByText('The one-time code is wrong').waitFor()
      expect(await code(page).evaluate((input) => input === document.activeElement)).toBe(true)
      expect(await password(page).inputValue()).toBe(PASSWORD)
      expect(await teleport.passwordChanges('wrong-code')).toEqual([])
      await visit.assertGood()

      const now = await currentCode(page)
      await code(page).fill(`${now.slice(0, 3)} ${now.slice(3)}`)
      expect(await page.getByText('The one-time code is wrong').count()).toBe(0)
      await code(page).press('Enter')
      await page.getByRole('heading', { name: 'You are set, wrong-code' }).waitFor()
    })
  })

  it('can be used with the keyboard alone, in the order of the page', async () => {
    const { path } = await teleport.invite('keys')
    await using visit = await Visit.open(browser)
    const { page } = visit
    await visit.goto(teleport.url(path))
    const names: string[] = []
    for (let step = 0; step < 9; step += 1) {
      await page.keyboard.press('Tab')
      names.push(
        await page.evaluate(() => {
          const element = document.activeElement
          return element?.getAttribute('name') ?? element?.textContent ?? ''
        }),
      )
    }
    expect(names).toEqual([
      'Teleport',
      'password',
      'Show Password',
      'repeated',
      'Show Password again',
      'open it in the app',
      'Cannot scan? Type the key',
      'code',
      'Create my login',
    ])
  })

  it('shows what was typed when it is asked to', async () => {
    const { path } = await teleport.invite('shown')
    await using visit = await Visit.open(browser)
    const { page } = visit
    await visit.goto(teleport.url(path))
    expect(await password(page).getAttribute('type')).toBe('password')
    await page.getByRole('button', { name: 'Show Password', exact: true }).click()
    expect(await password(page).getAttribute('type')).toBe('text')
    expect(await repeated(page).getAttribute('type')).toBe('password')
    await visit.assertGood()
    await page.getByRole('button', { name: 'Hide Password', exact: true }).click()
    expect(await password(page).getAttribute('type')).toBe('password')
    expect(await password(page).getAttribute('autocomplete')).toBe('new-password')
    expect(await code(page).getAttribute('autocomplete')).toBe('one-time-code')
    expect(await code(page).getAttribute('inputmode')).toBe('numeric')
  })

  it('survives a proxy that does not answer: what was typed stays', async () => {
    const { path } = await teleport.invite('offline')
    await using visit = await Visit.open(browser)
    const { page } = visit
    await page.route('**/webapi/invites/describe', (route) => route.abort())
    await page.goto(teleport.url(path))
    await page.getByRole('heading', { name: 'The proxy does not answer' }).waitFor()
    await page.unroute('**/webapi/invites/describe')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('heading', { name: 'Welcome, offline' }).waitFor()

    await fill(page, { password: PASSWORD, code: await currentCode(page) })
    await page.route('**/webapi/invites/accept', (route) => route.abort())
    await save(page).click()
    await page.getByRole('alert').getByText('does not answer').waitFor()
    expect(await password(page).inputValue()).toBe(PASSWORD)
    await page.unroute('**/webapi/invites/accept')
    await save(page).click()
    await page.getByRole('heading', { name: 'You are set, offline' }).waitFor()
  })

  it.each(LOOKS)('is for everybody: $scheme, $size', async (look) => {
    const { path } = await teleport.invite(`looks-${look.scheme}-${look.size}`)
    await using visit = await Visit.open(browser, look)
    const { page } = visit
    const judge = async (name: string): Promise<void> => {
      await visit.assertGood()
      await visit.picture(`${name}-${look.scheme}-${look.size}`)
    }
    await visit.goto(teleport.url(path))
    await judge('invite')
    await page.getByText('Cannot scan?').click()
    await save(page).click()
    await page.getByText('Choose a password.').waitFor()
    await judge('errors')
    await fill(page, { password: PASSWORD, code: await currentCode(page) })
    await judge('filled')
    await save(page).click()
    await page.getByRole('heading', { name: /^You are set/ }).waitFor()
    await judge('accepted')
    await visit.goto(teleport.url(path))
    await judge('ended')
    await visit.goto(teleport.url('/'))
    await judge('home')
    await visit.goto(teleport.url('/nowhere'))
    await judge('not-found')
  })

  it('that is too old has ended', async () => {
    const rest = Date.parse(short.expires) - Date.now()
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, rest) + 500))
    await using visit = await Visit.open(browser)
    await visit.goto(teleport.url(short.path))
    expect(await visit.heading()).toBe('This link does not work')
    await visit.assertGood()
  })
})

describe.skipIf(chromiumPath === null)(`without a second factor${missingBrowser}`, () => {
  it('a link asks for a password alone', async () => {
    await using teleport = await TestConsole.start({ secondFactor: 'off' })
    const browser = await launchBrowser()
    try {
      const { path } = await teleport.invite('joe')
      await using visit = await Visit.open(browser, { size: 'phone' })
      const { page } = visit
      await visit.goto(teleport.url(path))
      expect(await page.getByRole('img').count()).toBe(0)
      expect(await code(page).count()).toBe(0)
      await visit.assertGood()
      await fill(page, { password: PASSWORD })
      await repeated(page).press('Enter')
      await page.getByRole('heading', { name: 'You are set, joe' }).waitFor()
      await visit.assertGood()
      expect(await teleport.passwordChanges('joe')).toMatchObject([{ second_factor: 'off' }])
      expect(await teleport.logIn('joe', PASSWORD)).toBe('joe')
    } finally {
      await browser.close()
    }
  })
})
