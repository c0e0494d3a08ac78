import { describe, expect, it } from 'vitest'
import { chooseCluster } from './choose-cluster.ts'
import { contextName } from './context-name.ts'

describe('contextName()', () => {
  const names = { teleportCluster: 'example.com', kubeCluster: 'prod' }

  it.each([
    ['{{.ClusterName}}-{{.KubeName}}', 'example.com-prod'],
    ['{{ .KubeName }}', 'prod'],
    ['fixed', 'fixed'],
    ['a b"\n{{.KubeName}}', 'a b"\nprod'],
  ])('%j', (template, name) => {
    expect(contextName(template, names)).toBe(name)
  })

  it('reads no template in the name of a cluster', () => {
    expect(contextName('{{.KubeName}}', { ...names, kubeCluster: '{{.ClusterName}}' })).toBe(
      '{{.ClusterName}}',
    )
  })

  it.each([
    '',
    '{{.Other}}',
    '{{.constructor}}',
    '{{KubeName}}',
    '{{.KubeName',
    '}}',
    '{{if .KubeName}}',
  ])('%j is none', (template) => {
    expect(() => contextName(template, names)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})

describe('chooseCluster()', () => {
  const clusters = ['prod', 'prod-eu', 'staging'].map((name) => ({ name }))

  it.each([
    ['prod', 'prod'],
    ['prod-', 'prod-eu'],
    ['s', 'staging'],
  ])('%s is %s', (wanted, name) => {
    expect(chooseCluster(wanted, clusters).name).toBe(name)
  })

  it.each([
    ['pro', '"pro" is the beginning of 2 names: prod, prod-eu'],
    ['x', 'there is no Kubernetes cluster "x", or none of your roles reaches it'],
  ])('%s is refused', (wanted, message) => {
    expect(() => chooseCluster(wanted, clusters)).toThrow(
      expect.objectContaining({ code: 'REFUSED', message }),
    )
  })

  it('does not list a thousand names', () => {
    const many = Array.from({ length: 1000 }, (_, n) => ({ name: `c${n}` }))
    expect(() => chooseCluster('c', many)).toThrow(/ …$/)
    expect(() => chooseCluster('', [])).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('ask an administrator') as string }),
    )
  })
})
