import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Json } from '../json.ts'
import { applyJsonPatch } from './json-patch.ts'
import { applyMergePatch } from './merge-patch.ts'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'

const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as Json)

describe('a JSON patch (RFC 6902)', () => {
  it.each([
    ['adds a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    ['adds to a list', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    ['appends', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    ['removes', { a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
    ['replaces', { a: 1 }, [{ op: 'replace', path: '/a', value: null }], { a: null }],
    ['moves', { a: 1 }, [{ op: 'move', from: '/a', path: '/b' }], { b: 1 }],
    [
      'copies',
      { a: { b: 1 } },
      [{ op: 'copy', from: '/a', path: '/c' }],
      { a: { b: 1 }, c: { b: 1 } },
    ],
    [
      'reads ~1 and ~0',
      { 'a/b': 1, 'c~d': 2 },
      [
        { op: 'test', path: '/a~1b', value: 1 },
        { op: 'test', path: '/c~0d', value: 2 },
      ],
      { 'a/b': 1, 'c~d': 2 },
    ],
    ['replaces everything', { a: 1 }, [{ op: 'replace', path: '', value: [] }], []],
  ])('%s', (_what, document, patch, expected) => {
    expect(applyJsonPatch(document, patch)).toEqual(expected)
  })

  it.each([
    ['no list', {}, 400],
    ['no path', [{ op: 'add', value: 1 }], 400],
    ['no value', [{ op: 'add', path: '/x' }], 400],
    ['an unknown operation', [{ op: 'set', path: '/x', value: 1 }], 400],
    ['a test that fails', [{ op: 'test', path: '/a', value: 2 }], 422],
    ['a path to nowhere', [{ op: 'remove', path: '/x/y' }], 422],
    ['an index behind the end', [{ op: 'add', path: '/l/3', value: 1 }], 422],
    ['an index with a zero before it', [{ op: 'remove', path: '/l/00' }], 422],
    ['a move into itself', [{ op: 'move', from: '/o', path: '/o/x' }], 422],
    ['a way through a prototype', [{ op: 'add', path: '/__proto__/x', value: 1 }], 422],
    [
      'too many operations',
      Array.from({ length: 10_001 }, () => ({ op: 'test', path: '', value: 1 })),
      413,
    ],
  ])('that is %s is refused', (_what, patch, code) => {
    expect(() => applyJsonPatch({ a: 1, l: [1, 2], o: {} }, patch)).toThrow(
      expect.objectContaining({ code }),
    )
  })

  it('never changes the document it is laid on', () => {
    const document = Object.freeze({ a: Object.freeze([1]) }) as never
    expect(applyJsonPatch(document, [{ op: 'add', path: '/a/-', value: 2 }])).toEqual({ a: [1, 2] })
  })
})

describe('a merge patch (RFC 7396)', () => {
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j and %j', (document, patch, expected) => {
    expect(applyMergePatch(document, patch)).toEqual(expected)
  })

  it('laid on twice is laid on once', () => {
    fc.assert(
      fc.property(json, json, (document, patch) => {
        const once = applyMergePatch(document, patch)
        expect(applyMergePatch(once, patch)).toEqual(once)
      }),
    )
  })

  it('with a prototype in it makes a member of that name', () => {
    const merged = applyMergePatch({}, JSON.parse('{"__proto__":{"x":1}}'))
    expect(JSON.stringify(merged)).toBe('{"__proto__":{"x":1}}')
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })
})

describe('a strategic merge patch', () => {
  const pod = (containers: object[], more: object = {}): never =>
    ({ spec: { containers, ...more } }) as never
  const patch = (document: never, change: never): unknown =>
    applyStrategicMergePatch(document, change, 'Pod')

  it('merges items by their key and adds new ones', () => {
    expect(
      patch(
        pod([{ name: 'a', image: '1' }, { name: 'b' }]),
        pod([{ name: 'a', tty: true }, { name: 'c' }]),
      ),
    ).toEqual(pod([{ name: 'a', image: '1', tty: true }, { name: 'b' }, { name: 'c' }]))
  })

  it('deletes and replaces as directed', () => {
    expect(
      patch(pod([{ name: 'a' }, { name: 'b' }]), pod([{ $patch: 'delete', name: 'a' }])),
    ).toEqual(pod([{ name: 'b' }]))
    expect(patch(pod([{ name: 'a' }]), pod([{ $patch: 'replace' }, { name: 'z' }]))).toEqual(
      pod([{ name: 'z' }]),
    )
    expect(patch(pod([]), { spec: { $patch: 'replace', hostname: 'x' } } as never)).toEqual({
      spec: { hostname: 'x' },
    })
    expect(patch(pod([]), { spec: { $patch: 'delete' } } as never)).toEqual({})
  })

  it('orders items as directed, the others behind what they stood behind', () => {
    const change = {
      spec: { '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }] },
    } as never
    expect(patch(pod([{ name: 'a' }, { name: 'b' }, { name: 'c' }]), change)).toEqual(
      pod([{ name: 'c' }, { name: 'a' }, { name: 'b' }]),
    )
  })

  it('takes single values out of lists, and adds to sets', () => {
    const document = { metadata: { finalizers: ['a', 'b'] } } as never
    expect(
      patch(document, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } } as never),
    ).toEqual({ metadata: { finalizers: ['b'] } })
    expect(patch(document, { metadata: { finalizers: ['b', 'c'] } } as never)).toEqual({
      metadata: { finalizers: ['a', 'b', 'c'] },
    })
  })

  it('keeps the keys that it names', () => {
    const document = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: {} } } } as never
    const change = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } } as never
    expect(applyStrategicMergePatch(document, change, 'Deployment')).toEqual({
      spec: { strategy: { type: 'Recreate' } },
    })
  })

  it.each([
    ['an item without its key', pod([{ image: 'x' }])],
    ['an unknown directive', { spec: { $patch: 'swap' } } as never],
  ])('with %s is refused', (_what, change) => {
    expect(() => patch(pod([]), change)).toThrow(expect.objectContaining({ code: 400 }))
  })
})
