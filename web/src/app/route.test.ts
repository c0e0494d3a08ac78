import { expect, test } from 'vitest'
import { parseRoute } from './route.ts'

const TOKEN = '0123456789abcdef0123456789abcdef'
const ID = '2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11'

test.each([
  ['/', { page: 'home' }],
  ['/web', { page: 'home' }],
  ['/web/', { page: 'home' }],
  [`/web/invite/${TOKEN}`, { page: 'link', token: TOKEN }],
  [`/web/reset/${TOKEN}`, { page: 'link', token: TOKEN }],
  [`/web/invite/${TOKEN.slice(1)}`, { page: 'broken-link' }],
  [`/web/invite/${TOKEN}/`, { page: 'broken-link' }],
  [`/web/invite/${TOKEN.toUpperCase()}`, { page: 'broken-link' }],
  ['/web/invite/', { page: 'broken-link' }],
  ['/web/reset', { page: 'broken-link' }],
  [`/invite/${TOKEN}`, { page: 'not-found' }],
  [`/web/recordings/${ID}`, { page: 'recording', id: ID }],
  [`/web/recordings/${ID}/x`, { page: 'not-found' }],
  ['/web/recordings/', { page: 'not-found' }],
  ['/web/clusters', { page: 'not-found' }],
  ['', { page: 'not-found' }],
])('%s', (path, route) => {
  expect(parseRoute(path)).toEqual(route)
})
