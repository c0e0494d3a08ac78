import { describe, expect, it } from 'vitest'
import { parseConfig } from './config/index.ts'
import { withTokenLabels } from './token-labels.ts'

describe('withTokenLabels()', () => {
  const { kube } = parseConfig(
    `
kubernetes_service:
  enabled: yes
  kubeconfig_file: /etc/kubeconfig
  labels: { env: dev, region: eu }
  commands:
    - { name: env, command: [/bin/echo, dev] }
    - { name: owner, command: [/bin/echo, blue] }
`,
    'agent.yaml',
  )

  it('lets the labels of the token win over what the file says, and over what its commands would', () => {
    const { labels, commands } = withTokenLabels(kube, { env: 'prod' })
    expect(labels).toEqual({ env: 'prod', region: 'eu' })
    expect(commands.map(({ name }) => name)).toEqual(['owner'])
  })

  it('leaves everything else as it is', () => {
    expect(withTokenLabels(kube, {})).toEqual(kube)
  })
})
