import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KubeconfigError } from './errors.ts'
import { mergeKubeconfigs } from './merge-kubeconfigs.ts'
import { maxKubeconfigBytes, parseKubeconfig } from './parse-kubeconfig.ts'
import { resolveContext } from './resolve-context.ts'
import type { Kubeconfig, ResolvedContext } from './types.ts'

const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
const pemData = Buffer.from(pem).toString('base64')
const server = 'server: "https://10.0.0.1:6443"'

/** A kubeconfig with one context `a`, from the fields of its cluster and its user in flow style. */
function oneContext(cluster: string, user = ''): string {
  return `
kind: Config
clusters: [{name: c, cluster: {${cluster}}}]
users: [{name: u, user: {${user}}}]
contexts: [{name: a, context: {cluster: c, user: u, namespace: default}}]
current-context: a
`
}

function resolve(config: Kubeconfig, name: string): ReturnType<typeof resolveContext> {
  const context = config.contexts.find((each) => each.name === name)
  if (context === undefined) throw new Error(`no context ${name}`)
  return resolveContext(config, context)
}

function usable(text: string, path?: string): ResolvedContext {
  const resolved = resolve(parseKubeconfig(text, path === undefined ? {} : { path }), 'a')
  if (!resolved.ok) throw new Error(resolved.reason)
  return resolved.context
}

function reason(text: string): string {
  const resolved = resolve(parseKubeconfig(text), 'a')
  return resolved.ok ? 'usable' : resolved.reason
}

function refusal(text: string, path?: string): { code: string; message: string } {
  try {
    parseKubeconfig(text, path === undefined ? {} : { path })
  } catch (error) {
    if (error instanceof KubeconfigError) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('was not refused')
}

describe('a cluster', () => {
  test('is read with every field', () => {
    const { cluster, namespace, name } = usable(
      oneContext(`server: "https://api.example.com:6443/k8s/clusters/c-1/",
        certificate-authority-data: ${pemData}, certificate-authority: ignored.pem,
        tls-server-name: kube.internal, proxy-url: "http://user:word@proxy:3128",
        disable-compression: true, extensions: []`),
    )
    expect(cluster).toEqual({
      origin: 'https://api.example.com:6443',
      basePath: '/k8s/clusters/c-1',
      certificateAuthority: { kind: 'data', pem },
      insecureSkipTlsVerify: false,
      tlsServerName: 'kube.internal',
      proxyUrl: 'http://user:word@proxy:3128',
      disableCompression: true,
      execConfig: null,
    })
    expect({ name, namespace }).toEqual({ name: 'a', namespace: 'default' })
  })

  test('may have an IPv6 address and the default port', () => {
    expect(usable(oneContext('server: "https://[fd00::1]"')).cluster.origin).toBe(
      'https://[fd00::1]',
    )
  })

  test.each([
    ['server: ""', 'cluster "c": server: is missing'],
    ['server: "10.0.0.1:6443"', 'cluster "c": server: must be an http:// or https:// URL'],
    ['server: "ftp://x"', 'cluster "c": server: must be an http:// or https:// URL'],
    ['server: "https://u:p@x"', 'cluster "c": server: must not hold credentials'],
    ['server: "https://x/?a=1"', 'cluster "c": server: must not have a query or fragment'],
    ['server: [a]', 'cluster "c": server: must be text'],
    [
      `${server}, proxy-url: "ftp://x"`,
      'cluster "c": proxy-url: must be an http://, https:// or socks5:// URL',
    ],
    [
      `${server}, certificate-authority-data: "%%%"`,
      'cluster "c": certificate-authority-data: is not base64',
    ],
    [
      `${server}, insecure-skip-tls-verify: 7`,
      'cluster "c": insecure-skip-tls-verify: must be true or false',
    ],
    [
      `${server}, insecure-skip-tls-verify: true, certificate-authority: x`,
      'cluster "c": insecure-skip-tls-verify: contradicts certificate-authority, remove one of them',
    ],
  ])('%s is refused, naming the field', (cluster, words) => {
    expect(reason(oneContext(cluster))).toBe(words)
  })
})

describe('a user', () => {
  test('has a client certificate from files, found relative to the kubeconfig', () => {
    const text = oneContext(
      `${server}, certificate-authority: ca.crt`,
      'client-certificate: pki/a.crt, client-key: /abs/a.key, tokenFile: ../token',
    )
    const { cluster, user } = usable(text, '/etc/kube/config')
    expect(cluster.certificateAuthority).toEqual({ kind: 'file', path: '/etc/kube/ca.crt' })
    expect(user).toEqual({
      clientCertificate: {
        certificate: { kind: 'file', path: '/etc/kube/pki/a.crt' },
        key: { kind: 'file', path: '/abs/a.key' },
      },
      login: { kind: 'tokenFile', path: '/etc/token' },
    })
  })

  test.each([
    ['token: abc', { kind: 'token', token: 'abc' }],
    ['token: 12345', { kind: 'token', token: '12345' }],
    ['token: abc, tokenFile: /t', { kind: 'tokenFile', path: '/t' }],
    ['username: joe, password: "a:b"', { kind: 'basic', username: 'joe', password: 'a:b' }],
    ['username: joe', { kind: 'basic', username: 'joe', password: '' }],
    ['', { kind: 'none' }],
    ['token: null, as: "", as-groups: []', { kind: 'none' }],
  ])('{%s} logs in accordingly', (user, login) => {
    expect(usable(oneContext(server, user)).user.login).toEqual(login)
  })

  test('has an exec plugin with arguments and variables as they were written', () => {
    const { login } = usable(
      oneContext(
        server,
        `exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./bin/login, args: [--x, "null", 007],
          env: [{name: A, value: "1"}, {name: B, value: null}, {name: C}], provideClusterInfo: yes,
          interactiveMode: IfAvailable, installHint: get it}`,
      ),
      '/etc/kube/config',
    ).user
    expect(login).toEqual({
      kind: 'exec',
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1beta1',
        command: '/etc/kube/bin/login',
        args: ['--x', 'null', '007'],
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: 'null' },
          { name: 'C', value: '' },
        ],
        provideClusterInfo: true,
        installHint: 'get it',
      },
    })
  })

  test('with a token or a certificate never runs its exec plugin, as in client-go', () => {
    const exec = 'exec: {apiVersion: client.authentication.k8s.io/v1, command: login}'
    expect(usable(oneContext(server, `token: t, ${exec}`)).user.login).toEqual({
      kind: 'token',
      token: 't',
    })
    const certificate = `client-certificate-data: ${pemData}, client-key-data: ${pemData}`
    expect(usable(oneContext(server, `${certificate}, ${exec}`)).user.login).toEqual({
      kind: 'none',
    })
  })

  test.each([
    ['client-certificate: a', 'client-key: is missing, client-certificate is there'],
    ['client-key-data: QUJD', 'client-certificate: is missing, client-key is there'],
    ['token: a, username: b', 'token: contradicts username, remove one of them'],
    ['token: "a\\r\\nX: y"', 'token: holds characters that no HTTP header may have'],
    ['as: joe', 'as: the service must be itself to impersonate others, remove this field'],
    [
      'as-groups: [a]',
      'as-groups: the service must be itself to impersonate others, remove this field',
    ],
    ['as-uid: "1"', 'as-uid: the service must be itself to impersonate others, remove this field'],
    [
      'as-user-extra: {a: [b]}',
      'as-user-extra: the service must be itself to impersonate others, remove this field',
    ],
    [
      'auth-provider: {name: gcp}',
      'auth-provider: was removed from Kubernetes 1.26, use an exec plugin or a token instead',
    ],
    ['exec: {command: a}', 'exec.apiVersion: is missing'],
    ['exec: {apiVersion: client.authentication.k8s.io/v1}', 'exec.command: is missing'],
    [
      'exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: a}',
      'exec.apiVersion: client.authentication.k8s.io/v1alpha1 is not supported, use client.authentication.k8s.io/v1 or v1beta1',
    ],
    [
      'exec: {apiVersion: client.authentication.k8s.io/v1, command: a, interactiveMode: Always}',
      'exec.interactiveMode: is Always, but a service has no terminal',
    ],
    [
      'exec: {apiVersion: client.authentication.k8s.io/v1, command: a, env: [x]}',
      'exec.env[0]: must be a mapping',
    ],
    ['exec: text', 'exec: must be a mapping'],
  ])('{%s} is refused, naming the field', (user, words) => {
    expect(reason(oneContext(server, user))).toBe(`user "u": ${words}`)
  })
})

describe('a context', () => {
  test('may have no user: it is anonymous', () => {
    const text = `
clusters: [{name: c, cluster: {${server}}}]
contexts: [{name: a, context: {cluster: c}}]`
    expect(usable(text).user).toEqual({ clientCertificate: null, login: { kind: 'none' } })
  })

  test.each([
    ['{user: u}', 'context "a": cluster: is missing'],
    ['{cluster: x, user: u}', 'context "a": cluster "x" is not defined'],
    ['{cluster: c, user: x}', 'context "a": user "x" is not defined'],
    ['text', 'context "a": context: must be a mapping'],
  ])('%s is refused, and the others serve', (context, words) => {
    const text = `
clusters: [{name: c, cluster: {${server}}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: a, context: ${context}}, {name: b, context: {cluster: c, user: u}}]`
    expect(reason(text)).toBe(words)
    expect(resolve(parseKubeconfig(text), 'b').ok).toBe(true)
  })

  test('that refers to a name defined twice is refused: which one would it be?', () => {
    const text = `
clusters: [{name: c, cluster: {${server}}}, {name: d, cluster: {${server}}}, {name: d, cluster: {${server}}}]
users: [{name: u, user: {token: t}}, {name: v, user: {token: t}}, {name: v, user: {token: t}}]
contexts:
- {name: a, context: {cluster: c, user: v}}
- {name: b, context: {cluster: d, user: u}}
- {name: x, context: {cluster: c, user: u}}
- {name: x, context: {cluster: c, user: u}}
- {name: good, context: {cluster: c, user: u}}`
    const config = parseKubeconfig(text)
    const reasons = config.contexts.map((context) => {
      const resolved = resolveContext(config, context)
      return resolved.ok ? `${context.name} is usable` : resolved.reason
    })
    expect(reasons).toEqual([
      'user "v" is defined twice',
      'cluster "d" is defined twice',
      'context "x" is defined twice',
      'good is usable',
    ])
  })
})

describe('the text', () => {
  const same = usable(oneContext(`${server}, insecure-skip-tls-verify: true`, 'token: t'))

  test.each([
    [
      'block style with comments, anchors, yes',
      `# written by hand
apiVersion: v1
kind: Config
clusters:
  - cluster: &c
      server:   'https://10.0.0.1:6443'  # quoted
      insecure-skip-tls-verify: yes
    name: "c"
users:
- name: u
  user:
    token: >-
      t
contexts:
- name: a
  context: {cluster: c, user: u, namespace: default}
preferences: {}
`,
    ],
    [
      'JSON',
      JSON.stringify({
        kind: 'Config',
        clusters: [
          {
            name: 'c',
            cluster: { server: 'https://10.0.0.1:6443', 'insecure-skip-tls-verify': true },
          },
        ],
        users: [{ name: 'u', user: { token: 't' } }],
        contexts: [{ name: 'a', context: { cluster: 'c', user: 'u', namespace: 'default' } }],
      }),
    ],
    [
      'CRLF line ends',
      oneContext(`${server}, insecure-skip-tls-verify: true`, 'token: t').replaceAll('\n', '\r\n'),
    ],
  ])('may be %s', (_style, text) => {
    expect(usable(text)).toEqual(same)
  })

  test('may be an empty kubeconfig', () => {
    expect(parseKubeconfig('kind: Config\nclusters:\nusers: ~\ncontexts: null').contexts).toEqual(
      [],
    )
  })

  test.each([
    ['a: [', 'kubeconfig /k: not valid YAML at line 1, column 5: BAD_INDENT'],
    ['just text', 'kubeconfig /k: must be a mapping with clusters, users and contexts'],
    ['', 'kubeconfig /k: must be a mapping with clusters, users and contexts'],
    ['kind: Secret', 'kubeconfig /k: kind: is Secret, wanted Config'],
    ['users: x', 'kubeconfig /k: users: must be a list'],
    ['users: [x]', 'kubeconfig /k: users[0]: must be a mapping'],
    ['contexts: [{context: {}}]', 'kubeconfig /k: contexts[0].name: is missing'],
    [
      'kind: Config\nkind: Config',
      'kubeconfig /k: not valid YAML at line 2, column 1: DUPLICATE_KEY',
    ],
  ])('%j is no kubeconfig', (text, message) => {
    expect(refusal(text, '/k')).toEqual({ code: 'KUBECONFIG_INVALID', message })
  })

  test('is never quoted in an error: it holds credentials', () => {
    const { message } = refusal('users:\n- name: u\n  user: {token: "s3cr3t}\n')
    expect(message).not.toContain('s3cr3t')
  })

  test('that only its types make impossible is refused as well', () => {
    const text = `${oneContext(server)}
preferences: {name: client.authentication.k8s.io/exec, extension: !!omap [1: a, 0x1: b]}
`
    expect(refusal(text)).toEqual({
      code: 'KUBECONFIG_INVALID',
      message: 'kubeconfig: too many YAML aliases, or keys that clash',
    })
  })

  test('cannot grow by aliases', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
    for (let level = 1; level < 10; level += 1) {
      const alias = `*a${level - 1}`
      lines.push(`a${level}: &a${level} [${new Array(9).fill(alias).join(', ')}]`)
    }
    expect(refusal(lines.join('\n')).message).toBe(
      'kubeconfig: too many YAML aliases, or keys that clash',
    )
  })

  test(`has at most ${maxKubeconfigBytes} bytes`, () => {
    const text = oneContext(server)
    const padded = `${text}#${'x'.repeat(maxKubeconfigBytes - text.length - 1)}`
    expect(usable(padded).name).toBe('a')
    expect(refusal(`${padded}x`).message).toBe(
      `kubeconfig: is larger than ${maxKubeconfigBytes} bytes`,
    )
  })
})

test('the exec extension of a cluster keeps its types', () => {
  const text = `
clusters:
- name: c
  cluster:
    ${server}
    extensions:
    - {name: other, extension: x}
    - {name: client.authentication.k8s.io/exec, extension: {audience: abc, retries: 3, strict: yes}}
contexts: [{name: a, context: {cluster: c}}]`
  expect(usable(text).cluster.execConfig).toEqual({ audience: 'abc', retries: 3, strict: true })
})

test('any text is a kubeconfig or a coded error', () => {
  const text = oneContext(`${server}, certificate-authority: ca`, 'token: t')
  const pieces = fc.oneof(
    fc.string(),
    fc.constantFrom('null', '[]', '{}', '&a', '*a', ': ', '- ', '!!x '),
  )
  fc.assert(
    fc.property(fc.nat(text.length), fc.nat(20), pieces, (start, length, piece) => {
      const damaged = text.slice(0, start) + piece + text.slice(start + length)
      try {
        const config = parseKubeconfig(damaged)
        for (const context of config.contexts) resolveContext(config, context)
      } catch (error) {
        expect(error).toBeInstanceOf(KubeconfigError)
      }
    }),
    { numRuns: 500 },
  )
})

describe('mergeKubeconfigs', () => {
  const first = parseKubeconfig(`
clusters: [{name: c, cluster: {server: "https://first"}}]
users: [{name: u, user: {as: x}}]
contexts: [{name: a, context: {cluster: c, user: u}}]`)
  const second = parseKubeconfig(`
clusters: [{name: c, cluster: {server: "https://second"}}, {name: d, cluster: {server: "https://d"}}]
users: [{name: u, user: {token: t}}, {name: v, user: {token: t}}]
contexts: [{name: a, context: {cluster: d, user: v}}, {name: b, context: {cluster: c, user: v}}]
current-context: b`)
  const merged = mergeKubeconfigs([first, second])

  test('the first file wins, entry by entry', () => {
    const b = resolve(merged, 'b')
    expect(b.ok && b.context.cluster.origin).toBe('https://first')
    expect(merged.contexts.map(({ name }) => name)).toEqual(['a', 'b'])
    expect(merged.currentContext).toBe('b')
  })

  test('an entry that is broken in the first file is not replaced by a later one', () => {
    expect(resolve(merged, 'a').ok).toBe(false)
  })
})
