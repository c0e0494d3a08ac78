import { describe, expect, it } from 'vitest'
import { parseConfig } from '../config/index.ts'
import { devConfigText } from './config-text.ts'
import { readAnswer } from './first-request.ts'
import { firstUserName } from './first-user.ts'
import { listed, nextSteps, requestLine } from './words.ts'

const facts = {
  prefix: 'npx ',
  configFile: '.teleport/teleport.yaml',
  proxy: '127.0.0.1:3080',
  caPins: ['sha256:00'],
  user: { name: 'joe', created: true, invite: 'https://127.0.0.1:3080/web/invite/00ff' },
  clusters: ['dev'],
  hasKubectl: true,
} as const

describe('the first minute', () => {
  it('writes a configuration that the daemon reads, on loopback only', () => {
    const text = devConfigText({
      directory: '/tmp/it\'s "here"',
      ports: { auth: 1, web: 2, kube: 3 },
      kubeconfigFile: '/tmp/a: b',
    })
    const config = parseConfig(text, 'teleport.yaml')
    expect(config.dataDir).toBe('/tmp/it\'s "here"')
    expect(config.kube.kubeconfigFile).toBe('/tmp/a: b')
    expect(config.auth.secondFactor).toBe('off')
    const listening = [
      config.auth.listen,
      config.proxy.webListen,
      config.proxy.kubernetes?.listen ?? null,
    ]
    expect(listening.map((address) => address?.host)).toEqual(Array(3).fill('127.0.0.1'))
  })

  it('tells the next commands as they can be typed', () => {
    expect(nextSteps(facts)).toBe(`In another terminal, in this directory:

  1. set the password of "joe"; it asks for the link below, which works once, for an hour:
       npx tsh invite --ca-pin=sha256:00
     https://127.0.0.1:3080/web/invite/00ff
     or open that in a browser, which warns: the certificate is one of this machine only
  2. log in; your kubeconfig gets a context for each cluster:
       npx tsh login --proxy=127.0.0.1:3080 --user=joe --ca-pin=sha256:00
  3. use it:
       kubectl get pods -A
  4. see yourself in the audit log:
       npx tctl -c .teleport/teleport.yaml audit ls
`)
  })

  it('leaves out the link of a user who has a password, and says where kubectl is from', () => {
    const text = nextSteps({
      ...facts,
      user: { name: 'joe', created: false, invite: null },
      clusters: ["it's", 'b'],
      hasKubectl: false,
    })
    expect(text).not.toContain('tsh invite')
    expect(text).toContain(`npx tsh kube login 'it'\\''s'`)
    expect(text).toContain('https://kubernetes.io/docs/tasks/tools/')
  })

  it.each([
    ['joe', 'joe'],
    ['root', 'admin'],
    [null, 'admin'],
    ['DOMAIN\\joe', 'admin'],
    ['-joe', 'admin'],
    ['', 'admin'],
  ])('calls the first user of the login %j %s', (login, name) => {
    expect(firstUserName(login)).toBe(name)
  })

  it.each([
    [
      '{"kind":"NamespaceList","items":[{"metadata":{"name":"a"}},{"metadata":{}},null]}',
      { names: ['a'], words: '' },
    ],
    ['{"kind":"Status","message":"no"}', { names: [], words: 'no' }],
    ['null', { names: [], words: '' }],
    ['<html>', { names: [], words: '<html>' }],
  ])('reads %s', (text, read) => {
    expect(readAnswer(text)).toEqual(read)
  })

  it('shows a refusal as one', () => {
    const made = { cluster: 'dev', status: 403, tookMs: 3, names: [], words: 'may not impersonate' }
    expect(requestLine('joe', made)).toContain('! first request')
    expect(requestLine('joe', made)).toContain('403 may not impersonate')
  })

  it('shortens long lists', () => {
    expect(listed(['a', 'b', 'c'], 2)).toBe('a, b and 1 more')
    expect(listed(['a', 'b'], 2)).toBe('a, b')
  })
})
