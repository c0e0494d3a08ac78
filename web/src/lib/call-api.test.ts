import { expect, test } from 'vitest'
import { callApi } from './call-api.ts'

const TOKEN = '0123456789abcdef0123456789abcdef'
const answering =
  (status: number, body: string): typeof fetch =>
  async () =>
    new Response(body, { status })

test('an answer is given as it came', async () => {
  const answer = await callApi(
    'invites.accept',
    { token: TOKEN, password: 'p' },
    answering(200, '{"user":"joe"}'),
  )
  expect(answer).toEqual({ user: 'joe' })
})

test('the token and the password travel in the body, never in the address', async () => {
  const seen: { url: string; init: RequestInit | undefined }[] = []
  await callApi('invites.accept', { token: TOKEN, password: 'p4ss' }, async (url, init) => {
    seen.push({ url: String(url), init })
    return new Response('{"user":"joe"}')
  })
  expect(seen).toHaveLength(1)
  expect(seen[0]?.url).toBe('/webapi/invites/accept')
  expect(seen[0]?.init).toMatchObject({ method: 'POST', redirect: 'error', cache: 'no-store' })
  expect(JSON.parse(String(seen[0]?.init?.body))).toEqual({ token: TOKEN, password: 'p4ss' })
})

test('a refusal keeps the code and the words of the server', async () => {
  const refusal = JSON.stringify({ error: { code: 'OTP_WRONG', message: 'wrong code' } })
  await expect(
    callApi('invites.describe', { token: TOKEN }, answering(403, refusal)),
  ).rejects.toMatchObject({ name: 'ApiFailure', code: 'OTP_WRONG', message: 'wrong code' })
})

test.each([
  ['a page of something in between', 502, '<html>Bad Gateway</html>'],
  ['success without JSON', 200, 'ok'],
  ['success that is no object', 200, 'null'],
  ['an error without words', 500, '{"error":{}}'],
  ['an error that is a string', 500, '{"error":"boom"}'],
])('%s is not understood', async (_, status, body) => {
  await expect(
    callApi('invites.describe', { token: TOKEN }, answering(status, body)),
  ).rejects.toMatchObject({ code: 'NOT_UNDERSTOOD' })
})

test('no answer at all is UNREACHABLE, and keeps its cause', async () => {
  const cause = new TypeError('Failed to fetch')
  const failing: typeof fetch = () => Promise.reject(cause)
  await expect(callApi('invites.describe', { token: TOKEN }, failing)).rejects.toMatchObject({
    code: 'UNREACHABLE',
    cause,
  })
})
