import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KubeError } from './errors.ts'
import { parseRequestInfo } from './request-info.ts'

const parse = (
  method: string,
  target: string,
  upgrade = false,
): ReturnType<typeof parseRequestInfo> => parseRequestInfo({ method, target, upgrade })

describe('parseRequestInfo()', () => {
  it.each([
    // [method, target, verb, group, version, namespace, resource, subresource, name]
    ['GET', '/api/v1/namespaces', 'list', '', 'v1', '', 'namespaces', '', ''],
    ['GET', '/api/v1/namespaces/other', 'get', '', 'v1', 'other', 'namespaces', '', 'other'],
    ['POST', '/api/v1/namespaces', 'create', '', 'v1', '', 'namespaces', '', ''],
    ['GET', '/api/v1/namespaces/o/status', 'get', '', 'v1', 'o', 'namespaces', 'status', 'o'],
    // A namespace may be called like anything.
    ['GET', '/api/v1/namespaces/proxy/pods', 'list', '', 'v1', 'proxy', 'pods', '', ''],
    ['GET', '/api/v1/namespaces/watch/pods/exec', 'get', '', 'v1', 'watch', 'pods', '', 'exec'],
    [
      'GET',
      '/api/v1/namespaces/namespaces',
      'get',
      '',
      'v1',
      'namespaces',
      'namespaces',
      '',
      'namespaces',
    ],
    [
      'OPTIONS',
      '/api/v1/namespaces/o/services/s/proxy/x',
      'proxy',
      '',
      'v1',
      'o',
      'services',
      'proxy',
      's',
    ],
    // Subresources of other groups are what their servers make of them.
    [
      'GET',
      '/apis/x.io/v1/namespaces/o/pods/p/exec',
      'get',
      'x.io',
      'v1',
      'o',
      'pods',
      'exec',
      'p',
    ],
    [
      'GET',
      '/apis/x.io/v1/namespaces/o/services/s/proxy',
      'get',
      'x.io',
      'v1',
      'o',
      'services',
      'proxy',
      's',
    ],
    ['GET', '/api/v1/namespaces/o/secrets/s/exec', 'get', '', 'v1', 'o', 'secrets', 'exec', 's'],
    [
      'GET',
      '/api/v1/namespaces/o/configmaps/c/proxy',
      'get',
      '',
      'v1',
      'o',
      'configmaps',
      'proxy',
      'c',
    ],
    [
      'GET',
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode',
      'get',
      'rbac.authorization.k8s.io',
      'v1',
      '',
      'clusterroles',
      '',
      'system:node',
    ],
    [
      'GET',
      '/api/v1/namespaces/o/configmaps/z%C3%B6',
      'get',
      '',
      'v1',
      'o',
      'configmaps',
      '',
      'zö',
    ],
    [
      'GET',
      '/api/v1/namespaces/o/configmaps/.hidden',
      'get',
      '',
      'v1',
      'o',
      'configmaps',
      '',
      '.hidden',
    ],
    [
      'PUT',
      '/api/v1/namespaces/other/finalize',
      'update',
      '',
      'v1',
      'other',
      'namespaces',
      'finalize',
      'other',
    ],
    ['GET', '/api/v1/namespaces/other/pods', 'list', '', 'v1', 'other', 'pods', '', ''],
    ['GET', '/api/v1/namespaces/other/pods/', 'list', '', 'v1', 'other', 'pods', '', ''],
    ['GET', '/api/v1/namespaces/other/pods/foo', 'get', '', 'v1', 'other', 'pods', '', 'foo'],
    ['HEAD', '/api/v1/namespaces/other/pods/foo', 'get', '', 'v1', 'other', 'pods', '', 'foo'],
    ['GET', '/api/v1/pods', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch=true', 'watch', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch=1&x=y', 'watch', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch', 'watch', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch=false', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch=0', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch=False', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch=no', 'watch', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch=', 'watch', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?Watch=true', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch=1&watch=true', 'watch', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch=0&watch=false', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods??watch=true', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch%3Dtrue', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?limit=500', 'list', '', 'v1', '', 'pods', '', ''],
    // A name makes a get, whatever the query says.
    ['GET', '/api/v1/namespaces/o/pods/p?watch=1', 'get', '', 'v1', 'o', 'pods', '', 'p'],
    ['POST', '/api/v1/namespaces/o/pods?watch=1', 'create', '', 'v1', 'o', 'pods', '', ''],
    [
      'DELETE',
      '/api/v1/pods?fieldSelector=metadata.name%3Dfoo',
      'deletecollection',
      '',
      'v1',
      '',
      'pods',
      '',
      '',
    ],
    [
      'GET',
      '/api/v1/pods?fieldSelector=metadata.name=foo',
      'list',
      '',
      'v1',
      '',
      'pods',
      '',
      'foo',
    ],
    [
      'GET',
      '/api/v1/pods?fieldSelector=a%3Db,metadata.name%3D%3Dfoo,metadata.name%3Dbar',
      'list',
      '',
      'v1',
      '',
      'pods',
      '',
      'foo',
    ],
    ['GET', '/api/v1/pods?fieldSelector=metadata.name!=a', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?fieldSelector=metadata.name%3D..', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?fieldSelector=metadata.name%3Da/b', 'list', '', 'v1', '', 'pods', '', ''],
    [
      'GET',
      '/api/v1/pods?fieldSelector=metadata.name%3Da%5C%2C',
      'list',
      '',
      'v1',
      '',
      'pods',
      '',
      '',
    ],
    ['GET', '/api/v1/pods?xfieldSelector=b', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?%77atch=true', 'watch', '', 'v1', '', 'pods', '', ''],
    [
      'GET',
      '/api/v1/pods?fieldSelector=metadata.name%3Dfoo&watch=1',
      'watch',
      '',
      'v1',
      '',
      'pods',
      '',
      'foo',
    ],
    ['GET', '/api/v1/watch/pods', 'watch', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/watch/namespaces', 'watch', '', 'v1', '', 'namespaces', '', ''],
    ['GET', '/api/v1/watch/namespaces/o', 'watch', '', 'v1', 'o', 'namespaces', '', 'o'],
    ['GET', '/apis/apps/v1/watch/deployments', 'watch', 'apps', 'v1', '', 'deployments', '', ''],
    ['POST', '/api/v1/proxy/nodes/n/run', 'proxy', '', 'v1', '', 'nodes', 'proxy', 'n'],
    [
      'GET',
      '/api/v1/proxy/namespaces/o/services/s',
      'proxy',
      '',
      'v1',
      'o',
      'services',
      'proxy',
      's',
    ],
    ['GET', '/api/v1/watch/namespaces/other/pods', 'watch', '', 'v1', 'other', 'pods', '', ''],
    ['POST', '/api/v1/namespaces/other/pods', 'create', '', 'v1', 'other', 'pods', '', ''],
    [
      'PATCH',
      '/apis/apps/v1/namespaces/o/deployments/d',
      'patch',
      'apps',
      'v1',
      'o',
      'deployments',
      '',
      'd',
    ],
    [
      'PUT',
      '/apis/apps/v1/namespaces/o/deployments/d/scale',
      'update',
      'apps',
      'v1',
      'o',
      'deployments',
      'scale',
      'd',
    ],
    ['DELETE', '/api/v1/namespaces/other/pods/foo', 'delete', '', 'v1', 'other', 'pods', '', 'foo'],
    [
      'DELETE',
      '/api/v1/namespaces/other/pods',
      'deletecollection',
      '',
      'v1',
      'other',
      'pods',
      '',
      '',
    ],
    [
      'GET',
      '/api/v1/namespaces/o/pods/p/log?follow=true',
      'get',
      '',
      'v1',
      'o',
      'pods',
      'log',
      'p',
    ],
    ['POST', '/api/v1/namespaces/o/pods/p/exec', 'exec', '', 'v1', 'o', 'pods', 'exec', 'p'],
    ['GET', '/api/v1/namespaces/o/pods/p/exec', 'exec', '', 'v1', 'o', 'pods', 'exec', 'p'],
    ['GET', '/api/v1/namespaces/o/pods/p/attach', 'attach', '', 'v1', 'o', 'pods', 'attach', 'p'],
    [
      'GET',
      '/api/v1/namespaces/o/pods/p/portforward',
      'portforward',
      '',
      'v1',
      'o',
      'pods',
      'portforward',
      'p',
    ],
    [
      'GET',
      '/api/v1/namespaces/o/pods/p:80/proxy/a%2Fb',
      'proxy',
      '',
      'v1',
      'o',
      'pods',
      'proxy',
      'p:80',
    ],
    [
      'GET',
      '/api/v1/namespaces/o/services/https:s:443/proxy/',
      'proxy',
      '',
      'v1',
      'o',
      'services',
      'proxy',
      'https:s:443',
    ],
    ['GET', '/api/v1/nodes/n/proxy/metrics', 'proxy', '', 'v1', '', 'nodes', 'proxy', 'n'],
    [
      'GET',
      '/apis/example.com/v1beta1/namespaces/o/exec',
      'list',
      'example.com',
      'v1beta1',
      'o',
      'exec',
      '',
      '',
    ],
  ])(
    'reads %s %s',
    (method, target, verb, apiGroup, apiVersion, namespace, resource, subresource, name) => {
      expect(parse(method, target)).toMatchObject({
        kind: 'resource',
        verb,
        apiGroup,
        apiVersion,
        namespace,
        resource,
        subresource,
        name,
      })
    },
  )

  it.each([
    '/api',
    '/api/',
    '/api/v1',
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/version',
    '/openapi/v2',
    '/openapi/v3/apis/apps/v1',
  ])('knows %s as discovery', (target) =>
    expect(parse('GET', target)).toMatchObject({ kind: 'nonResource', discovery: true }),
  )

  it.each([
    '/',
    '/healthz',
    '/livez/etcd',
    '/readyz',
    '/metrics',
    '/logs/kubelet.log',
    '/API/v1/pods',
    '/version/x',
    '/openapi.json',
    '/swagger.json',
  ])('knows %s as no discovery', (target) =>
    expect(parse('GET', target)).toMatchObject({ kind: 'nonResource', discovery: false }),
  )

  it('takes a POST to a discovery path for no discovery', () => {
    expect(parse('POST', '/api/v1')).toMatchObject({ discovery: false, mutating: true })
  })

  it.each([
    ['an encoded slash', '/api/v1/namespaces/a%2Fpods'],
    ['an encoded slash in lower case', '/api/v1/namespaces/a%2fpods'],
    ['a dot segment', '/api/v1/namespaces/a/../b/pods'],
    ['an encoded dot segment', '/api/v1/namespaces/%2e%2e/pods'],
    ['a half encoded dot segment', '/api/v1/namespaces/.%2E/pods'],
    ['a single dot', '/api/./v1/pods'],
    ['a dot segment in a proxied path', '/api/v1/namespaces/a/pods/p/proxy/../../secrets'],
    ['an encoded one there', '/api/v1/namespaces/a/pods/p/proxy/x%2F..%2F..%2Fy'],
    ['a dot segment encoded twice there', '/api/v1/nodes/n/proxy/%252e%252e/x'],
    ['a dot segment behind an encoded slash', '/api/v1/nodes/n/proxy/a%2f%2e%2e'],
    ['a dot segment between backslashes', '/api/v1/nodes/n/proxy/a%5c..%5cb'],
    ['a dot segment with parameters', '/api/v1/nodes/n/proxy/..;x/b'],
    ['a dot segment first', '/api/v1/nodes/n/proxy/..'],
    ['a control character there', '/api/v1/nodes/n/proxy/a%0d%0ab'],
    ['a broken percent sign there', '/api/v1/nodes/n/proxy/%zz'],
    ['an encoded slash in a name before it', '/api/v1/nodes/n%2Fm/proxy/x'],
    ['an encoded slash that ends it', '/api/v1/nodes/n/proxy%2Fx'],
    ['an encoded slash in a namespace called proxy', '/api/v1/namespaces/proxy/pods%2Fx'],
    ['an empty segment in a namespace called proxy', '/api/v1/namespaces/proxy//pods'],
    [
      'an encoded slash behind the proxy of something else',
      '/api/v1/namespaces/a/secrets/s/proxy/a%2Fb',
    ],
    ['an encoded slash behind the proxy of another group', '/apis/a/v1/nodes/n/proxy/a%2Fb'],
    ['an encoded slash behind the old prefix', '/api/v1/proxy/nodes/n/a%2Fb'],
    ['a watch of nothing', '/api/v1/watch'],
    ['a proxy of nothing', '/api/v1/proxy/'],
    ['a double slash', '/api/v1//pods'],
    ['a double slash at the front', '//api/v1/pods'],
    ['a backslash', '/api/v1/namespaces\\a/pods'],
    ['an encoded backslash', '/api/v1/namespaces/a%5Cb/pods'],
    ['an encoded NUL', '/api/v1/namespaces/a%00/pods'],
    ['an encoded line break', '/api/v1/namespaces/a%0d%0ab/pods'],
    ['a lonely percent sign', '/api/v1/namespaces/a%/pods'],
    ['a percent sign with one digit', '/api/v1/namespaces/a%2/pods'],
    ['an encoded C1 control character', '/api/v1/namespaces/a%C2%85b/pods'],
    ['an encoded DEL', '/api/v1/namespaces/a%7f/pods'],
    ['a percent sign encoded twice', '/api/v1/namespaces/a%252Fb/pods'],
    ['dots encoded twice', '/api/v1/namespaces/%252e%252e/pods'],
    ['a dot segment at the end', '/api/v1/namespaces/a/..'],
    ['a double slash at the end', '/api/v1/pods//'],
    ['slashes alone', '//'],
    ['invalid UTF-8', '/api/v1/namespaces/%ff/pods'],
    ['half a surrogate pair', '/api/v1/namespaces/%ed%a0%80/pods'],
    ['overlong UTF-8', '/api/v1/namespaces/%c0%af/pods'],
    ['raw bytes', '/api/v1/namespaces/\u00e9/pods'],
    ['a blank', '/api/v1/name spaces'],
    ['a request in the query', '/api/v1/pods?x= HTTP/1.1\r\nHost: a'],
    ['raw bytes in the query', '/api/v1/pods?x=\u00e9'],
    ['a fragment in the query', '/api/v1/pods?x=#'],
    ['a raw backslash behind a proxy', '/api/v1/nodes/n/proxy/a\\..\\b'],
    ['a path of 20,000 characters', `/${'a/'.repeat(10_000)}`],
    ['a target above 1 MiB', `/api?${'a'.repeat(1024 * 1024)}`],
    ['a fragment', '/api/v1/pods#x'],
    ['an absolute form', 'http://other/api/v1/pods'],
    ['an authority form', 'other:443'],
    ['an asterisk', '*'],
    ['nothing', ''],
  ])('refuses %s', (_what, target) => {
    expect(() => parse('GET', target)).toThrow(expect.objectContaining({ code: 'AMBIGUOUS_PATH' }))
  })

  it.each([
    '/api/v1/pods?watch=false&watch=true',
    '/api/v1/pods?watch=1&watch=0',
    '/api/v1/pods?limit=1;watch=true',
    '/api/v1/pods?watch=%zz',
    '/api/v1/pods?watc%',
    '/api/v1/pods?%7',
    '/api/v1/namespaces/a/pods/p/log?follow=true&follow=false',
    '/api/v1/namespaces/a/pods/p/log?a=b;follow=true',
  ])('refuses %s', (target) => {
    expect(() => parse('GET', target)).toThrow(expect.objectContaining({ code: 'AMBIGUOUS_QUERY' }))
  })

  it('takes a command line of 30 KB, and whatever a proxied program wants in its query', () => {
    const command = `/api/v1/namespaces/a/pods/p/exec?command=${'%7B'.repeat(10_000)}`
    expect(parse('POST', command, true)).toMatchObject({ verb: 'exec' })
    expect(parse('GET', '/api/v1/nodes/n/proxy/x?a;b=%zz')).toMatchObject({ verb: 'proxy' })
  })

  it.each([
    ['GET', '/api/v1/namespaces/o/pods/p/log?follow=true', true],
    ['GET', '/api/v1/namespaces/o/pods/p/log?tailLines=1', false],
    ['GET', '/api/v1/namespaces/o/pods/p/log?follow=false', false],
    ['GET', '/api/v1/namespaces/o/pods/p/log', false],
    ['GET', '/api/v1/namespaces/o/pods/p?follow=true', false],
    ['GET', '/api/v1/watch/pods', true],
    ['GET', '/api/v1/pods', false],
    ['GET', '/api/v1/namespaces/o/services/s/proxy/', true],
    ['POST', '/api/v1/namespaces/o/pods/p/exec', true],
    ['POST', '/api/v1/namespaces/o/pods', false],
    ['GET', '/healthz', false],
  ])('knows whether %s %s may stay open: %s', (method, target, longRunning) => {
    expect(parse(method, target)).toMatchObject({ longRunning })
  })

  it('calls nothing a watch that may change something', () => {
    expect(() => parse('DELETE', '/api/v1/watch/namespaces/a/pods')).toThrow(
      expect.objectContaining({ code: 'METHOD_NOT_ALLOWED' }),
    )
    expect(parse('HEAD', '/api/v1/watch/pods')).toMatchObject({ verb: 'watch', mutating: false })
  })

  it('refuses OPTIONS but for proxied programs', () => {
    for (const target of ['/api/v1/pods', '/api/v1/namespaces/a/pods/p', '/', '/api']) {
      expect(() => parse('OPTIONS', target)).toThrow(
        expect.objectContaining({ code: 'METHOD_NOT_ALLOWED' }),
      )
    }
  })

  it.each(['CONNECT', 'TRACE', 'OPTIONS', 'get', 'PROPFIND', ''])(
    'refuses the method %j',
    (method) => {
      expect(() => parse(method, '/api')).toThrow(
        expect.objectContaining({ code: 'METHOD_NOT_ALLOWED' }),
      )
    },
  )

  it.each([
    ['GET', '/api/v1/namespaces/o/pods/p/exec?command=a', 'exec'],
    ['POST', '/api/v1/namespaces/o/pods/p/portforward', 'portforward'],
    ['GET', '/api/v1/namespaces/o/services/s/proxy/ws', 'proxy'],
    ['GET', '/api/v1/pods?watch=1', 'watch'],
  ])('lets %s %s upgrade, as %s', (method, target, verb) => {
    expect(parse(method, target, true)).toMatchObject({ verb, longRunning: true })
  })

  it.each([
    '/api/v1/namespaces/o/pods/p',
    '/api/v1/pods',
    '/api',
    '/healthz',
    '/api/v1/namespaces/o/pods/p/log',
    '/api/v1/namespaces/o/pods/p/log?follow=true',
    '/apis/subresources.kubevirt.io/v1/namespaces/o/virtualmachineinstances/v/console',
    '/apis/x.io/v1/namespaces/o/pods/p/exec',
  ])('refuses an upgrade of %s', (target) => {
    expect(() => parse('GET', target, true)).toThrow(
      expect.objectContaining({ code: 'UPGRADE_NOT_ALLOWED' }),
    )
  })

  it('refuses an upgrade of a watch by HEAD', () => {
    expect(() => parse('HEAD', '/api/v1/pods?watch=1', true)).toThrow(
      expect.objectContaining({ code: 'UPGRADE_NOT_ALLOWED' }),
    )
  })

  it('never calls a stream or a proxy a read', () => {
    const path = fc.constantFrom(
      'pods/p/exec',
      'pods/p/attach',
      'pods/p/portforward',
      'pods/p/proxy',
      'nodes/n/proxy/x',
      'services/s/proxy',
    )
    const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE')
    const query = fc.constantFrom('', '?watch=1', '?follow=true')
    fc.assert(
      fc.property(method, path, query, fc.boolean(), (verb, tail, search, upgrade) => {
        const info = parse(verb, `/api/v1/namespaces/a/${tail}${search}`, upgrade)
        expect(info.mutating).toBe(true)
        expect(['get', 'list', 'watch']).not.toContain(info.verb)
      }),
    )
  })

  it('answers or refuses whatever bytes come, and never sees a dot segment', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('/', '.', '%', '2', 'e', 'f', 'F', '?', 'a', 'api', 'v1', '\\'),
        }),
        (text) => {
          let info: ReturnType<typeof parse>
          try {
            info = parse('GET', text)
          } catch (error) {
            expect((error as KubeError).code).toMatch(/^AMBIGUOUS_/)
            return
          }
          expect(decodeURIComponent(info.path).split('/')).not.toContain('..')
        },
      ),
    )
  })

  it('reads the same in an encoded path as in a plain one', () => {
    const segment = fc.constantFrom('api', 'apis', 'v1', 'namespaces', 'pods', 'a', 'exec', 'watch')
    const encode = (text: string): string =>
      [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
    fc.assert(
      fc.property(fc.array(fc.tuple(segment, fc.boolean()), { maxLength: 8 }), (parts) => {
        const read = (target: string): unknown => {
          try {
            return { ...parse('GET', target), path: '' }
          } catch (error) {
            return String(error)
          }
        }
        const plain = parts.map(([text]) => text).join('/')
        const encoded = parts.map(([text, hide]) => (hide ? encode(text) : text)).join('/')
        expect(read(`/${encoded}`)).toEqual(read(`/${plain}`))
      }),
    )
  })

  it('sees one path in whatever it takes: decoding first and splitting first agree', () => {
    const text = fc.constantFrom(
      '/',
      '//',
      '.',
      '..',
      '%2e',
      '%2F',
      '%5c',
      '%25',
      '%00',
      'a',
      'proxy',
      'nodes',
      'é',
      '?',
      '#',
      ';',
    )
    const head = fc.constantFrom(
      '/',
      '/api/v1/',
      '/api/v1/nodes/n/',
      '/apis/a/v1/namespaces/proxy/',
    )
    fc.assert(
      fc.property(head, fc.array(text, { maxLength: 8 }), (start, parts) => {
        let info: ReturnType<typeof parse>
        try {
          info = parse('GET', start + parts.join(''))
        } catch {
          return
        }
        if (info.verb === 'proxy') return
        const trimmed = info.path.replace(/^\/|\/$/g, '')
        expect(decodeURIComponent(trimmed).split('/')).toEqual(
          trimmed.split('/').map((part) => decodeURIComponent(part)),
        )
      }),
    )
  })
})
