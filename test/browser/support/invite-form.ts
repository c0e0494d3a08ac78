import { TOTP } from 'otpauth'
import type { Locator, Page } from 'playwright-core'

/** The form behind a link, as a person finds its parts. */
export const password = (page: Page): Locator => page.getByLabel('Password', { exact: true })
export const repeated = (page: Page): Locator => page.getByLabel('Password again', { exact: true })
export const code = (page: Page): Locator => page.getByLabel('The 6 digits that the app shows')
export const save = (page: Page): Locator => page.getByRole('button', { name: /my (new )?login$/ })

/** The app of a person who types the key that the page shows. */
export async function authenticator(page: Page): Promise<TOTP> {
  const key = page.locator('details code')
  if (!(await key.isVisible())) await page.getByText('Cannot scan?').click()
  return new TOTP({ secret: (await key.innerText()).replaceAll(' ', '') })
}

export async function currentCode(page: Page): Promise<string> {
  return (await authenticator(page)).generate()
}

/** Each code works once, and the page has used the one of now. */
export const next = (app: TOTP): string => app.generate({ timestamp: Date.now() + 30_000 })

export async function fill(
  page: Page,
  entries: { readonly password: string; readonly code?: string },
): Promise<void> {
  await password(page).fill(entries.password)
  await repeated(page).fill(entries.password)
  if (entries.code !== undefined) await code(page).fill(entries.code)
}
