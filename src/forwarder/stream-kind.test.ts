import { describe, expect, it } from 'vitest'
import { parseRequestInfo } from '../kube/index.ts'
import { streamKindOf } from './stream-kind.ts'

describe('streamKindOf()', () => {
  const pod = '/api/v1/namespaces/a/pods/b'
  it.each([
    ['GET', `${pod}`, false, null],
    ['GET', '/api/v1/pods', false, null],
    ['GET', '/api/v1/pods?watch=1', false, 'watch'],
    ['GET', '/api/v1/watch/pods', false, 'watch'],
    ['GET', `${pod}/log`, false, null],
    ['GET', `${pod}/log?follow=true`, false, 'logs'],
    ['POST', `${pod}/exec?command=sh`, true, 'exec'],
    ['GET', `${pod}/exec?command=sh`, true, 'exec'],
    ['POST', `${pod}/attach`, true, 'attach'],
    ['POST', `${pod}/portforward`, true, 'portforward'],
    ['GET', `${pod}/proxy/metrics`, false, 'proxy'],
    ['GET', '/healthz', false, null],
  ])('%s %s (upgrade: %s) is %s', (method, target, upgrade, kind) => {
    expect(streamKindOf(parseRequestInfo({ method, target, upgrade }))).toBe(kind)
  })
})
