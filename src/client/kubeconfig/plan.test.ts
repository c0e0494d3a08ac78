import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { serverCertificate } from '../../../test/support/certificates.ts'
import { editKubeconfig } from './edit-kubeconfig.ts'
import {
  type ContextRequest,
  currentContextOf,
  type KubeAccount,
  type KubeconfigFile,
  type LoginPlan,
  planLogin,
  planLogout,
} from './plan.ts'
import type { Edit } from './types.ts'

let hostCa: string
let otherCa: string
beforeAll(async () => {
  hostCa = (await serverCertificate('p')).ca
  otherCa = (await serverCertificate('p')).ca
})

const account: KubeAccount = {
  proxy: 'p:3080',
  user: 'joe',
  teleportCluster: 't',
  server: 'https://p:3026',
  hostCa: 'PEM',
  credentials: (kubeCluster) => ({ exec: { command: `/script ${kubeCluster}` } }),
}
const request = (kubeCluster: string, more: Partial<ContextRequest> = {}): ContextRequest => ({
  kubeCluster,
  serverName: `k-${kubeCluster}`,
  ...more,
})

type Files = Readonly<Record<string, string | null>>
const listed = (files: Files): KubeconfigFile[] =>
  Object.entries(files).map(([path, text]) => ({ path, text }))
const written = (files: Files, edits: ReadonlyMap<string, readonly Edit[]>): Files =>
  Object.fromEntries(
    Object.entries(files).map(([path, text]) => {
      const own = edits.get(path) ?? []
      return [path, own.length === 0 ? text : editKubeconfig(text ?? '', own, path)]
    }),
  )

function login(
  files: Files,
  requests: readonly ContextRequest[],
  options: { select?: string | null; prune?: boolean; as?: Partial<KubeAccount> } = {},
): { plan: LoginPlan; files: Files } {
  const plan = planLogin(listed(files), { ...account, ...options.as }, requests, {
    select: options.select ?? null,
    prune: options.prune ?? true,
  })
  return { plan, files: written(files, plan.edits) }
}
const logout = (files: Files, user = 'joe'): { removed: readonly string[]; files: Files } => {
  const plan = planLogout(listed(files), (mark) => mark.user === user)
  return { removed: plan.removed, files: written(files, plan.edits) }
}
const said = (
  text: string | null | undefined,
): Record<string, { name: string }[]> & { 'current-context'?: string } =>
  (parse(text ?? '') ?? {}) as never
const names = (text: string | null | undefined, section = 'contexts'): string[] =>
  (said(text)[section] ?? []).map(({ name }) => name)
const current = (text: string | null | undefined): string | undefined =>
  said(text)['current-context']

describe('planLogin()', () => {
  it('enters cluster, user and context under one name', () => {
    const { files } = login({ f: null }, [request('a'), request('b')], { select: 'b' })
    for (const section of ['clusters', 'users', 'contexts']) {
      expect(names(files['f'], section)).toEqual(['t-a', 't-b'])
    }
    expect(current(files['f'])).toBe('t-b')
  })

  it('remembers whose context was current, through our own, and gives it back', () => {
    const home = 'contexts:\n- name: home\n  context: {}\ncurrent-context: home\n'
    let files: Files = { f: home }
    for (const select of ['a', 'b', 'a']) {
      files = login(files, [request('a'), request('b')], { select }).files
    }
    expect(current(files['f'])).toBe('t-a')
    const out = logout(files)
    expect(out.removed).toEqual(['t-a', 't-b'])
    expect(current(out.files['f'])).toBe('home')
    expect(names(out.files['f'])).toEqual(['home'])
  })

  it.each([
    ['was removed meanwhile', 'contexts: []\n'],
    ['was none', ''],
  ])('selects nothing at logout when what was current %s', (_, later) => {
    const before =
      later === '' ? '' : 'contexts:\n- name: home\n  context: {}\ncurrent-context: home\n'
    const { files } = login({ f: before }, [request('a')], { select: 'a' })
    const gone = { f: (files['f'] ?? '').replace('- name: home\n  context: {}\n', '') }
    expect(current(logout(gone).files['f'])).toBe('')
  })

  it('keeps the current one of several contexts of a cluster', () => {
    let files = login({ f: null }, [request('a', { contextName: 'x' })], { select: 'a' }).files
    files = login(files, [request('a', { contextName: 'y' })], { select: 'a', prune: false }).files
    expect(names(files['f'])).toEqual(['x', 'y'])
    expect(current(files['f'])).toBe('y')
    const again = login(files, [request('a')], { select: 'a' })
    expect(again.files).toEqual(files)
    expect(again.plan.contexts.get('a')).toEqual(['x', 'y'])
  })

  it('takes contexts out whose clusters are not open any more, and no others', () => {
    const first = login({ f: null }, [request('a'), request('b')]).files
    const other = login(first, [request('c')], { as: { proxy: 'q:1', teleportCluster: 'u' } }).files
    expect(names(other['f'])).toEqual(['t-a', 't-b', 'u-c'])
    expect(names(login(other, [request('b')]).files['f'])).toEqual(['t-b', 'u-c'])
    expect(names(login(other, [request('b')], { prune: false }).files['f'])).toHaveLength(3)
  })

  it('does not touch names of others, not even of another cluster of ours', () => {
    const foreign = 'clusters:\n- name: t-a\n  cluster: {server: x}\n'
    const one = login({ f: foreign }, [request('a'), request('b')])
    expect(one.plan.taken).toEqual(['t-a'])
    expect(names(one.files['f'])).toEqual(['t-b'])
    expect(one.files['f']).toContain(foreign)
    // "t" and "a-b", "t-a" and "b": one default name.
    const two = login({ f: null }, [request('a-b')])
    const clash = login(two.files, [request('b')], { as: { teleportCluster: 't-a' } })
    expect(clash.plan.taken).toEqual(['t-a-b'])
    expect(clash.files).toEqual(two.files)
  })

  it('follows a Teleport cluster to its new address', () => {
    const { files } = login({ f: null }, [request('a')], { as: { hostCa: hostCa + otherCa } })
    const moved = login(files, [request('a')], {
      as: { proxy: 'new:443', server: 'https://new:443', hostCa },
    })
    expect(names(moved.files['f'])).toEqual(['t-a'])
    expect(moved.files['f']).toContain('new:443')
    expect(moved.files['f']).not.toContain('p:3080')
  })

  it.each<[string, () => string]>([
    ['with an authority of its own', () => otherCa],
    ['with an authority of its own beside ours', () => hostCa + otherCa],
    ['without an authority', () => 'PEM'],
  ])('leaves contexts alone that another proxy claims by its names, %s', (_, claimed) => {
    const { files } = login({ f: null }, [request('a')], { select: 'a', as: { hostCa } })
    const { plan, files: after } = login(files, [request('a')], {
      select: 'a',
      as: { proxy: 'evil:443', server: 'https://evil:443', hostCa: claimed() },
    })
    expect(plan.taken).toEqual(['t-a'])
    expect(plan.contexts.get('a')).toEqual([])
    expect(after).toEqual(files)
  })

  it('renews the authority of a proxy that it knows', () => {
    const { files } = login({ f: null }, [request('a')], { as: { hostCa } })
    const renewed = login(files, [request('a')], { as: { hostCa: otherCa } })
    expect(renewed.plan.taken).toEqual([])
    expect(renewed.files['f']).toContain(Buffer.from(otherCa).toString('base64'))
  })

  it('gives the context of before back when the current one goes, and remembers it again', () => {
    const home = 'contexts:\n- name: home\n  context: {}\ncurrent-context: home\n'
    const { files } = login({ f: home }, [request('a'), request('b')], { select: 'a' })
    const pruned = login(files, [request('b')])
    expect(pruned.plan.currentContext).toBe('home')
    expect(current(pruned.files['f'])).toBe('home')
    const again = login(pruned.files, [request('b')], { select: 'b' })
    expect(current(again.files['f'])).toBe('t-b')
    expect(current(logout(again.files).files['f'])).toBe('home')
  })

  it('remembers the context of before in the one that takes the place of the current one', () => {
    const home = 'contexts:\n- name: home\n  context: {}\ncurrent-context: home\n'
    const { files } = login({ f: home }, [request('a'), request('b')], { select: 'a' })
    const moved = login(files, [request('b')], { select: 'b' })
    expect(current(moved.files['f'])).toBe('t-b')
    expect(current(logout(moved.files).files['f'])).toBe('home')
  })

  it('leaves no current context when the current one goes and there was none before', () => {
    const { files } = login({ f: null }, [request('a')], { select: 'a' })
    expect(current(login({ g: 'kind: Config\n', ...files }, []).files['f'])).toBe('')
  })

  it('takes foreign credentials out of a user of ours: client-go would prefer them', () => {
    const { files } = login({ f: null }, [request('a')])
    const added = (files['f'] ?? '').replace(
      '    exec:\n',
      '    token: t\n    client-certificate: c\n    mine: kept\n    exec:\n',
    )
    const again = login({ f: added }, [request('a')])
    expect(again.files['f']).not.toMatch(/token|client-certificate:/)
    expect(again.files['f']).toContain('mine: kept')
  })

  it.each<[string, Files, Files | string, string]>([
    ['the only file', { f: null }, 'f', 'f'],
    ['the first that exists', { f: null, g: '', h: '' }, 'g', 'g'],
    ['the last, when none does', { f: null, g: null }, 'g', 'g'],
  ])('puts new entries where kubectl would: %s', (_, files, entries, selects) => {
    const { plan } = login(files, [request('a')], { select: 'a' })
    expect([...plan.edits.keys()]).toEqual([...new Set([entries, selects])])
  })

  it('changes entries where they are, and selects where kubectl would', () => {
    const { files } = login({ g: '' }, [request('a')])
    const { plan } = login({ f: 'kind: Config\n', ...files }, [request('a', { namespace: 'n' })], {
      select: 'a',
    })
    expect([...plan.edits].map(([path, edits]) => [path, edits.map(({ kind }) => kind)])).toEqual([
      ['g', ['put', 'put', 'put']],
      ['f', ['select']],
    ])
  })
})

describe('planLogout()', () => {
  it('takes out what is ours in every file, shadowed entries too', () => {
    const { files } = login({ f: null }, [request('a')], { select: 'a' })
    const both = { f: files['f'] ?? null, g: files['f'] ?? null }
    const out = logout(both)
    expect([names(out.files['f']), names(out.files['g'])]).toEqual([[], []])
  })

  it('leaves other people’s entries, and those that somebody’s context uses', () => {
    const joe = login({ f: null }, [request('a')]).files
    const ann = login(joe, [request('b')], { prune: false, as: { user: 'ann' } }).files
    const used = {
      f: `${ann['f']}`.replace(
        'contexts:\n',
        'contexts:\n- name: mine\n  context: {user: t-a, cluster: t-a}\n',
      ),
    }
    const out = logout(used)
    expect(names(out.files['f'])).toEqual(['mine', 't-b'])
    expect(names(out.files['f'], 'users')).toEqual(['t-a', 't-b'])
    expect(logout(out.files, 'nobody').files).toEqual(out.files)
  })
})

it('currentContextOf() tells the current context, and whether it is ours', () => {
  const { files } = login({ f: null }, [request('a')], { select: 'a' })
  expect(currentContextOf(listed(files))).toMatchObject({ name: 't-a', mark: { kubeCluster: 'a' } })
  expect(currentContextOf(listed({ f: 'current-context: x\n' }))).toBeNull()
  const foreign = 'contexts: [{name: x, context: {}}]\ncurrent-context: x\n'
  expect(currentContextOf(listed({ f: foreign }))).toEqual({ name: 'x', mark: null })
})
