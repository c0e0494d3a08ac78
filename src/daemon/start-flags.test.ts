import { describe, expect, it } from 'vitest'
import { parseConfig } from './config/index.ts'
import { type StartFlags, standAlone, withFlags } from './start-flags.ts'

const TOKEN = '866c6c114724a0fa4d4d73216afd99fb1a2d6bfde8e13a19'
const PIN = `sha256:${'ab'.repeat(32)}`
const over = (text: string, flags: StartFlags): ReturnType<typeof withFlags> =>
  withFlags(parseConfig(text, 'teleport.yaml'), flags)

describe('withFlags()', () => {
  it('joins without a file', () => {
    const flags = {
      roles: 'kube',
      proxy: 'https://proxy.example.com',
      token: '/etc/teleport/token',
      caPin: [PIN.toUpperCase().replace('SHA256', 'sha256')],
      kubeconfig: '/k',
      dataDir: '/d',
      nodename: 'n',
      insecure: true,
    }
    expect(standAlone(flags)).toBe(true)
    expect(over('', flags)).toMatchObject({
      nodename: 'n',
      dataDir: '/d',
      joining: {
        server: { kind: 'proxy', addresses: [{ host: 'proxy.example.com', port: 3080 }] },
        token: { kind: 'file', path: '/etc/teleport/token' },
        caPins: [PIN],
        insecure: true,
      },
      auth: { enabled: false },
      proxy: { enabled: false },
      kube: { enabled: true, kubeconfigFile: '/k', kubeClusterName: null },
    })
    expect(standAlone({ roles: 'kube' })).toBe(false)
  })

  it.each([
    ['kubernetes_service: {kubeconfig_file: /k}'],
    ['kubernetes_service: {enabled: yes, kubeconfig_file: /k}'],
    ['proxy_service: {kubernetes: {enabled: yes, kubeconfig_file: /k}}'],
  ])('--roles with kube serves the file of %s', (file) => {
    const config = over(file, { roles: 'auth,proxy,kube' })
    expect(config.kube).toMatchObject({ enabled: true, kubeconfigFile: '/k' })
  })

  it('--roles without kube serves none, in a pod neither', () => {
    const config = over('proxy_service: {kubernetes: {enabled: yes}}', { roles: 'auth,proxy' })
    expect(config.kube).toMatchObject({ enabled: false, enabledInPod: false })
  })

  it('wins over the file, and leaves what it does not name', () => {
    const file = `teleport:
  proxy_server: old.example.com
  auth_token: ${TOKEN}
  ca_pin: ${PIN}
kubernetes_service: {enabled: yes, kubeconfig_file: /k}
`
    expect(over(file, { authServer: 'a.example.com,b.example.com:4025' })).toMatchObject({
      joining: {
        server: {
          kind: 'auth',
          addresses: [
            { host: 'a.example.com', port: 3025 },
            { host: 'b.example.com', port: 4025 },
          ],
        },
        token: { kind: 'value', value: TOKEN },
        caPins: [PIN],
        insecure: false,
      },
      auth: { enabled: true },
      kube: { enabled: true, kubeconfigFile: '/k' },
    })
    expect(over(file, { kubeClusterName: 'prod' }).kube).toMatchObject({
      kubeconfigFile: null,
      kubeClusterName: 'prod',
    })
  })

  it.each<[string, StartFlags, string]>([
    ['two places to join', { proxy: 'a', authServer: 'b' }, 'choose one'],
    ['an address that is none', { proxy: ':3080' }, '--proxy: ":3080" is not an address'],
    ['a pin that is none', { caPin: ['sha256:1'] }, 'is not sha256:<64 hex digits>'],
    ['a token that can be guessed', { token: 'secret' }, '--token: a join token has at least 16'],
    ['an unknown service', { roles: 'kube,node' }, '"node" is not one of auth, proxy, kube'],
    ['two sources', { kubeconfig: '/k', kubeClusterName: 'x' }, 'choose one'],
    ['a wrong diagnostics address', { diagAddr: 'a b' }, '--diag-addr'],
  ])('refuses %s', (_what, flags, words) => {
    expect(() => over('', flags)).toThrow(words)
  })

  it('never repeats a token', () => {
    let words = ''
    try {
      over('', { token: 'not a token at all, $(x)' })
    } catch (error) {
      words = String(error)
    }
    expect(words).toContain('--token')
    expect(words).not.toContain('at all')
  })
})
