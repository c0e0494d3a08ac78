import { describe, expect, it } from 'vitest'
import { type ClusterMatcher, clusterMatchers } from './cluster-matchers.ts'

const prod = { env: 'prod', region: 'eu-west-1' }

describe('matchers of a kubernetes service', () => {
  it.each<[ClusterMatcher[], boolean]>([
    [[], false],
    [[{ labels: { '*': '*' } }], true],
    [[{ labels: { env: 'prod' } }], true],
    [[{ labels: { env: 'dev' } }], false],
    [[{ labels: { env: ['dev', 'prod'] } }], true],
    [[{ labels: { env: '^pr.*$' } }], true],
    [[{ labels: { region: 'eu-*' } }], true],
    [[{ labels: { env: 'prod', region: 'us-*' } }], false],
    [[{ labels: { env: 'dev' } }, { labels: { region: 'eu-*' } }], true],
    [[{ labels: { team: '*' } }], false],
  ])('%j selects env=prod, region=eu-west-1: %s', (matchers, selected) => {
    expect(clusterMatchers(matchers).select(prod)).toBe(selected)
  })

  it.each<[ClusterMatcher, string]>([
    [{ labels: {} }, '[0].labels has no label'],
    [{ labels: { '*': 'prod' } }, 'the name "*" goes with the value "*" only'],
    [{ labels: { env: [] } }, 'has no value'],
    [{ labels: { env: '^(a$' } }, '[0].labels.env'],
    [{ labels: { env: '{{external.env}}' } }, 'is a template'],
  ])('%j is refused', (matcher, words) => {
    expect(() => clusterMatchers([matcher])).toThrow(words)
    expect(() => clusterMatchers([matcher])).toThrow(
      expect.objectContaining({ code: 'MATCHER_INVALID' }),
    )
  })
})
