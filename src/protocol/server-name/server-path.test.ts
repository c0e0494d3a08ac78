import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kubeServerName } from './server-name.ts'
import { belowServerPath, kubeServerPath } from './server-path.ts'

const name = kubeServerName('example.com', 'prod')
const path = kubeServerPath(name)
const other = kubeServerPath(kubeServerName('example.com', 'staging'))

describe('the path of a cluster', () => {
  it('is the label of its server name', () => {
    expect(path).toBe('/k-poe235e5ysvx4ro3qpd7jc36lu7n5rfz')
  })

  it.each([
    [`${path}/api/v1/pods?limit=500`, '/api/v1/pods?limit=500'],
    [path, '/'],
    [`${path}/`, '/'],
    [`${path}?x=/`, '/?x=/'],
    ['/api/v1/pods', '/api/v1/pods'],
    ['/', '/'],
    ['*', '*'],
    ['', ''],
    ['https://h/api', 'https://h/api'],
  ])('%s is %s', (target, below) => {
    expect(belowServerPath(target, name)).toEqual({ target: below, misdirected: false })
  })

  it.each([
    [`${other}/api/v1/pods`, '/api/v1/pods'],
    [other, '/'],
    [`${other}?x`, '/?x'],
  ])('%s is another cluster’s', (target, below) => {
    expect(belowServerPath(target, name)).toEqual({ target: below, misdirected: true })
  })

  it.each([
    // What only looks like one is left to those who judge paths.
    `${path}x/api`,
    `${path}%2fapi/v1`,
    `${path.toUpperCase()}/api`,
    `/${path}/api`,
    '/k-/api',
    `${path};/api`,
    `${path}#/api`,
    path.replace('k-', '%6b-'),
    `/api${path}/v1`,
  ])('%s is left as it is', (target) => {
    expect(belowServerPath(target, name)).toEqual({ target, misdirected: false })
  })

  it('is taken off once, and nothing else is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (rest) => {
        expect(belowServerPath(`${path}/${rest}`, name).target).toBe(`/${rest}`)
      }),
    )
    expect(belowServerPath(`${path}${path}/api`, name).target).toBe(`${path}/api`)
  })
})
