import { describe, expect, it } from 'vitest'
import { kubeconfigText, readResourceKubeconfig } from './resource-kubeconfig.ts'

const config = (cluster: string, user: string, rest = 'current-context: a'): string => `
kind: Config
clusters: [{name: c, cluster: {${cluster}}}, {name: d, cluster: {server: "https://d"}}]
users: [{name: u, user: {${user}}}]
contexts: [{name: b, context: {cluster: d, user: u}}, {name: a, context: {cluster: c, user: u}}]
${rest}
`
const server = 'server: "https://10.0.0.1:6443"'

describe('the kubeconfig of a resource', () => {
  it.each([
    ['current-context: a', 'https://10.0.0.1:6443'],
    ['', 'https://d'],
  ])('means its current context, else its first (%s)', (rest, origin) => {
    expect(readResourceKubeconfig(config(server, 'token: t', rest)).cluster.origin).toBe(origin)
  })

  it.each([
    [
      server,
      'exec: {apiVersion: client.authentication.k8s.io/v1, command: sh}',
      'user "u": exec: would run a program',
    ],
    [server, 'tokenFile: /etc/shadow', 'user "u": tokenFile: would read a file'],
    [server, 'token: t, tokenFile: /etc/shadow', 'user "u": tokenFile: would read a file'],
    [
      `${server}, certificate-authority: /etc/shadow`,
      'token: t',
      'cluster "c": certificate-authority: would read a file',
    ],
    [
      server,
      'client-certificate: /a, client-key: /b',
      'user "u": client-certificate: would read a file',
    ],
    [
      server,
      'client-certificate-data: QUJD, client-key: /b',
      'user "u": client-key: would read a file',
    ],
    [
      'server: "http://169.254.169.254"',
      'token: t',
      'cluster "c": server: must be an https:// URL',
    ],
  ])('may not reach into the machine that uses it: {%s} {%s}', (cluster, user, words) => {
    const read = (): unknown => readResourceKubeconfig(config(cluster, user))
    expect(read).toThrow(words)
    expect(read).toThrow(expect.objectContaining({ code: 'KUBECONFIG_UNSAFE' }))
  })

  it('may not do so in an entry that no context uses either', () => {
    const text = config('server: "http://c"', 'token: t', 'current-context: b')
    expect(() => readResourceKubeconfig(text)).toThrow('cluster "c": server: must be an https://')
  })

  it.each([
    ['kind: Config', 'has no context'],
    [config(server, 'token: t', 'current-context: x'), 'current-context "x" is not defined'],
    [config('server: 7x', 'token: t'), 'server: must be an http:// or https:// URL'],
    ['contexts: 7', 'contexts: must be a list'],
  ])('must describe a cluster', (text, words) => {
    expect(() => readResourceKubeconfig(text)).toThrow(words)
    expect(() => readResourceKubeconfig(text)).toThrow(
      expect.objectContaining({ code: 'KUBECONFIG_INVALID' }),
    )
  })

  it('is given as text or in base64, in lines or not', () => {
    const text = config(server, 'token: t')
    const base64 = Buffer.from(text).toString('base64')
    for (const given of [text, base64, base64.replaceAll(/.{60}/g, '$&\n')]) {
      expect(kubeconfigText(given)).toBe(text)
    }
  })
})
