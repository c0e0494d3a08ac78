import { expect, it } from 'vitest'
import { type Endpoint, endpoints } from '../contract/index.ts'
import { pathOf, routes } from './routes.ts'

it('the routes are those of the contract', () => {
  const wanted = Object.entries(endpoints).map(
    ([name, { method, path, binary }]: [string, Endpoint]) => [
      name,
      binary === 'response' ? [method, path, 'bytes'] : [method, path],
    ],
  )
  expect(routes).toEqual(Object.fromEntries(wanted))
})

it('parameters become path segments, whatever is in them', () => {
  expect(pathOf('kube_clusters.read', { name: 'a/../b?c' })).toBe(
    '/v1/kube_clusters/a%2F..%2Fb%3Fc',
  )
  expect(() => pathOf('users.read', {})).toThrow(TypeError)
})
