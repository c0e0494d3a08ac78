import { describe, expect, it } from 'vitest'
import { MAX_CHANGES, MAX_OBJECT_BYTES } from '../limits.ts'
import { formatContinue, parseContinue } from './page.ts'
import { matchesSelector, parseFieldSelector, parseLabelSelector } from './selectors.ts'
import { Store } from './store.ts'

const object = (name: string, namespace = 'n', data = ''): never =>
  ({ metadata: { name, namespace }, data }) as never

describe('the store', () => {
  it('gives every change a revision of its own', () => {
    const store = new Store(100)
    const made = store.create('maps', object('a'))
    const changed = store.update('maps', { ...made, data: 'x' })
    const gone = store.remove('maps', 'n', 'a')
    expect([made, changed, gone].map(({ metadata }) => metadata)).toMatchObject([
      { resourceVersion: '101' },
      { resourceVersion: '102' },
      { resourceVersion: '103' },
    ])
    expect(store.changesAfter(100, 'maps')?.map(({ type }) => type)).toEqual([
      'ADDED',
      'MODIFIED',
      'DELETED',
    ])
    expect(store.get('maps', 'n', 'a')).toBeNull()
  })

  it('keeps what it was given, whatever happens to that later', () => {
    const store = new Store(0)
    const mine = { metadata: { name: 'a', namespace: 'n' }, data: { x: '1' } }
    store.create('maps', mine)
    mine.data.x = '2'
    const kept = store.get('maps', 'n', 'a')
    expect(kept).toMatchObject({ data: { x: '1' } })
    expect(() => {
      ;(kept?.['data'] as Record<string, string>)['x'] = '3'
    }).toThrow(TypeError)
  })

  it('lists in the order of namespace and name', () => {
    const store = new Store(0)
    for (const [namespace, name] of [
      ['b', 'a'],
      ['a', 'z'],
      ['a', 'b'],
      ['a-b', 'a'],
    ] as const) {
      store.create('maps', object(name, namespace))
    }
    const names = (namespace?: string): string[] =>
      store.list('maps', namespace).map(({ metadata }) =>
        Object.values(metadata as object)
          .slice(0, 2)
          .reverse()
          .join('/'),
      )
    expect(names()).toEqual(['a/b', 'a/z', 'a-b/a', 'b/a'])
    expect(names('a')).toEqual(['a/b', 'a/z'])
  })

  it('forgets old changes, and says so', () => {
    const store = new Store(0)
    let last = store.create('maps', object('a'))
    for (let turn = 0; turn < 2 * MAX_CHANGES + 1; turn += 1) {
      last = store.update('maps', { ...last, data: String(turn) })
    }
    expect(store.changesAfter(1, 'maps')).toBeNull()
    expect(store.changesAfter(store.revision, 'maps')).toEqual([])
    store.compact()
    expect(store.changesAfter(store.revision - 1, 'maps')).toBeNull()
  })

  it('takes no object that is too large', () => {
    const store = new Store(0)
    expect(() => store.create('maps', object('a', 'n', 'x'.repeat(MAX_OBJECT_BYTES)))).toThrow(
      expect.objectContaining({ code: 413 }),
    )
    expect(store.revision).toBe(0)
  })

  it('is full at some point, and has room again', () => {
    const store = new Store(0)
    const big = 'x'.repeat(MAX_OBJECT_BYTES - 1000)
    let count = 0
    expect(() => {
      for (; ; count += 1) store.create('maps', object(`m${count}`, 'n', big))
    }).toThrow('the demo cluster is full')
    store.remove('maps', 'n', 'm0')
    expect(() => store.create('maps', object('again', 'n', big))).not.toThrow()
  })
})

describe('a label selector', () => {
  const labels = { app: 'web', tier: 'front', n: '5', 'a.b/c': '' }
  it.each([
    ['app=web', true],
    ['app==web,tier=front', true],
    ['app=web,tier=back', false],
    ['app!=web', false],
    ['none!=x', true],
    ['app in (web,db)', true],
    ['app notin (web)', false],
    ['none notin (x)', true],
    ['app', true],
    ['!app', false],
    ['!none', true],
    ['a.b/c=', true],
    ['n>4', true],
    ['n<5', false],
    ['constructor', false],
  ])('%s', (text, matches) => {
    expect(parseLabelSelector(text)(labels)).toBe(matches)
  })

  it.each(['a===b', 'a b', '=x', 'a in x', 'a in (x', 'a=b c', '-a'])('%j is none', (text) => {
    expect(() => parseLabelSelector(text)).toThrow(expect.objectContaining({ code: 400 }))
  })

  it('of a spec matches by labels and expressions', () => {
    const selector = (operator: string, values: string[] = []): boolean =>
      matchesSelector(
        { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator, values }] },
        labels,
      )
    expect([
      selector('In', ['front']),
      selector('NotIn', ['front']),
      selector('Exists'),
      selector('DoesNotExist'),
      selector('Other'),
    ]).toEqual([true, false, true, false, false])
  })
})

describe('a field selector', () => {
  it('is read with its escapes', () => {
    expect(parseFieldSelector('a.b=x,c!=y\\,z\\=1,d==')).toEqual([
      { field: 'a.b', equal: true, value: 'x' },
      { field: 'c', equal: false, value: 'y,z=1' },
      { field: 'd', equal: true, value: '' },
    ])
    expect(() => parseFieldSelector('x')).toThrow(expect.objectContaining({ code: 400 }))
  })
})

describe('a continue token', () => {
  it('is read as it was written, and nothing else is', () => {
    const token = { revision: 5, after: 'n\u0000a' }
    expect(parseContinue(formatContinue(token))).toEqual(token)
    for (const text of [
      '',
      'x',
      Buffer.from('{}').toString('base64url'),
      Buffer.from('null').toString('base64url'),
    ]) {
      expect(() => parseContinue(text)).toThrow(expect.objectContaining({ code: 400 }))
    }
  })
})
