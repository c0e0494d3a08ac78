import { describe, expect, it } from 'vitest'
import { authServerName, isKubeServerName, kubeServerName } from './server-name.ts'

describe('server names', () => {
  it('are opaque, lasting and of one form', () => {
    const name = kubeServerName('example.com', 'prod')
    expect(name).toBe(kubeServerName('example.com', 'prod'))
    expect(name).toMatch(/^k-[a-z2-7]{32}\.teleport\.cluster\.local$/)
    expect(isKubeServerName(name)).toBe(true)
    expect(isKubeServerName(authServerName('example.com'))).toBe(false)
  })

  it('never change: they stand in kubeconfigs', () => {
    expect(kubeServerName('example.com', 'prod')).toMatchInlineSnapshot(
      `"k-poe235e5ysvx4ro3qpd7jc36lu7n5rfz.teleport.cluster.local"`,
    )
    expect(authServerName('example.com')).toMatchInlineSnapshot(
      `"a-iwpfzyjapy3scjnx7ikpqmn4ezj34guh.teleport.cluster.local"`,
    )
  })

  it('tell apart pairs that look alike when joined', () => {
    const names = [
      kubeServerName('a', 'bc'),
      kubeServerName('ab', 'c'),
      kubeServerName('', 'abc'),
      kubeServerName('abc', ''),
      kubeServerName('A', 'bc'),
    ]
    expect(new Set(names).size).toBe(names.length)
  })
})
