import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
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
    ['GET', '/api/v1/pods?watch=false&watch=true', 'watch', '', 'v1', '', 'pods', '', ''],
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

  it.each(['/', '/healthz', '/metrics', '/logs/kubelet.log', '/API/v1/pods'])(
    'knows %s as no discovery',
    (target) =>
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
    ['a double slash', '/api/v1//pods'],
    ['a double slash at the front', '//api/v1/pods'],
    ['a backslash', '/api/v1/namespaces\\a/pods'],
    ['an encoded backslash', '/api/v1/namespaces/a%5Cb/pods'],
    ['an encoded NUL', '/api/v1/namespaces/a%00/pods'],
    ['an encoded line break', '/api/v1/namespaces/a%0d%0ab/pods'],
    ['a lonely percent sign', '/api/v1/namespaces/a%/pods'],
    ['a percent sign with one digit', '/api/v1/namespaces/a%2/pods'],
    ['invalid UTF-8', '/api/v1/namespaces/%ff/pods'],
    ['overlong UTF-8', '/api/v1/namespaces/%c0%af/pods'],
    ['raw bytes', '/api/v1/namespaces/\u00e9/pods'],
    ['a blank', '/api/v1/name spaces'],
    ['a fragment', '/api/v1/pods#x'],
    ['an absolute form', 'http://other/api/v1/pods'],
    ['an authority form', 'other:443'],
    ['an asterisk', '*'],
    ['nothing', ''],
  ])('refuses %s', (_what, target) => {
    expect(() => parse('GET', target)).toThrow(expect.objectContaining({ code: 'AMBIGUOUS_PATH' }))
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
  ])('refuses an upgrade of %s', (target) => {
    expect(() => parse('GET', target, true)).toThrow(
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
            expect(error).toMatchObject({ code: 'AMBIGUOUS_PATH' })
            return
          }
          expect(decodeURIComponent(info.path).split('/')).not.toContain('..')
        },
      ),
    )
  })
})
