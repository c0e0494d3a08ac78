import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { editKubeconfig } from './edit-kubeconfig.ts'
import { parseKubeconfigText } from './kubeconfig-text.ts'
import { markOf } from './mark.ts'
import type { Edit, Mark } from './types.ts'

const mark: Mark = {
  proxy: 'example.com:3080',
  user: 'joe',
  teleportCluster: 'example.com',
  kubeCluster: 'prod',
}

const put = (name: string): Edit[] => [
  { kind: 'put', section: 'clusters', name, set: { server: 'https://k:3026' }, mark },
  { kind: 'put', section: 'users', name, set: { exec: { command: '/s', flag: false } }, mark },
  { kind: 'put', section: 'contexts', name, set: { cluster: name, user: name }, mark },
]
const remove = (name: string): Edit[] => [
  { kind: 'remove', section: 'clusters', name },
  { kind: 'remove', section: 'users', name },
  { kind: 'remove', section: 'contexts', name },
]
const select = (context: string): Edit => ({ kind: 'select', context })
const edit = (text: string, ...edits: Edit[]): string => editKubeconfig(text, edits, 'config')

const FOREIGN = `# my clusters
apiVersion: v1
kind: Config
clusters:
  # the old one
  - name: old   # do not touch
    cluster: {server: "https://old", insecure-skip-tls-verify: yes}

contexts:
- context:
    cluster: old
    unknown-field: [1, 2]
    user: me
  name: old
# users follow
users:
- name: me
  user:
    token: |
      abc
current-context: old # mine
x-unknown: {a: 1}
`

describe('editKubeconfig()', () => {
  it('writes entries behind those that are there, and leaves every other byte', () => {
    expect(edit(FOREIGN, ...put('new'), select('new'))).toBe(`# my clusters
apiVersion: v1
kind: Config
clusters:
  # the old one
  - name: old   # do not touch
    cluster: {server: "https://old", insecure-skip-tls-verify: yes}
  - name: new
    cluster:
      server: https://k:3026
      extensions:
      - name: teleport.kube
        extension:
          proxy: example.com:3080
          user: joe
          teleport-cluster: example.com
          kube-cluster: prod

contexts:
- context:
    cluster: old
    unknown-field: [1, 2]
    user: me
  name: old
- name: new
  context:
    cluster: new
    user: new
    extensions:
    - name: teleport.kube
      extension:
        proxy: example.com:3080
        user: joe
        teleport-cluster: example.com
        kube-cluster: prod
# users follow
users:
- name: me
  user:
    token: |
      abc
- name: new
  user:
    exec:
      command: /s
      flag: false
    extensions:
    - name: teleport.kube
      extension:
        proxy: example.com:3080
        user: joe
        teleport-cluster: example.com
        kube-cluster: prod
current-context: new # mine
x-unknown: {a: 1}
`)
  })

  it('gives back the same bytes when the entries go', () => {
    const after = edit(FOREIGN, ...put('new'), select('new'))
    expect(edit(after, ...remove('new'), select('old'))).toBe(FOREIGN)
  })

  it('changes nothing when it is done already', () => {
    const after = edit(FOREIGN, ...put('new'), select('new'))
    expect(edit(after, ...put('new'), select('new'))).toBe(after)
    expect(edit(FOREIGN, ...remove('new'), select('old'))).toBe(FOREIGN)
    expect(edit(FOREIGN)).toBe(FOREIGN)
  })

  it('changes an entry in its place, and keeps fields and comments that it does not know', () => {
    const text = `contexts:
# above
- name: new # mine
  context:
    namespace: team # set by kubectl
    cluster: was
    extensions:
    - name: other
      extension: {n: 1, yes: yes}
  extra: 1
  # inside
- name: other
`
    const [edited = ''] = [edit(text, ...put('new').slice(2))]
    expect(edited).toBe(`contexts:
# above
- name: new # mine
  context:
    namespace: team # set by kubectl
    cluster: new
    extensions:
    - name: other
      extension: { n: 1, yes: yes }
    - name: teleport.kube
      extension:
        proxy: example.com:3080
        user: joe
        teleport-cluster: example.com
        kube-cluster: prod
    user: new
  extra: 1
  # inside
- name: other
`)
    expect(edit(edited, ...put('new').slice(2))).toBe(edited)
  })

  it('removes a field that is told to go', () => {
    const given = edit('', ...put('new'))
    const gone = edit(given, {
      kind: 'put',
      section: 'users',
      name: 'new',
      set: { exec: null, token: 'x' },
      mark,
    })
    expect(parseKubeconfigText(gone, '').sections.users[0]?.body).toMatchObject({ token: 'x' })
    expect(gone).not.toContain('exec')
  })

  it.each([
    ['nothing', ''],
    ['comments', '# later\n'],
    ['a document start', '---\n'],
    ['null', 'null\n'],
    ['an empty mapping', '{}'],
    ['empty lists', 'clusters: []\ncontexts: []\nusers: []\n'],
    ['lists that are null', 'clusters: null\ncontexts: ~\nusers:\n'],
    ['lists that are null, at the end of the file', 'users:\nclusters: null\ncontexts: ~'],
    ['an empty list with a comment', 'clusters: [] # none\n'],
    ['only other fields', 'apiVersion: v1\nkind: Config'],
    ['a document end', 'apiVersion: v1\n...\n'],
    ['indentation of everything', '  apiVersion: v1\n  contexts:\n    - name: a\n'],
    ['lists in brackets', 'contexts: [{name: a}, {name: b}] # two\nclusters: []\n'],
    ['all of it in brackets', '{contexts: [{name: a}], x: 1}\n'],
    ['JSON', '{\n  "contexts": [\n    {\n      "name": "a"\n    }\n  ]\n}\n'],
    ['JSON in one line', '{"apiVersion":"v1","contexts":[]}'],
    ['line breaks of Windows', 'apiVersion: v1\r\ncontexts:\r\n- name: a\r\n'],
    ['a byte order mark', '\ufeffapiVersion: v1\n'],
    ['no context selected, as kubectl writes it', 'current-context: ""\nkind: Config\n'],
    ['no context selected, in words', "current-context: '' # none\nkind: Config\n"],
    ['no context selected, by nothing', 'current-context:\nkind: Config\n'],
    ['no line break at its end', 'contexts:\n- name: a\n  context: {cluster: a}'],
  ])('begins what is not there in a file with %s', (_, text) => {
    const after = edit(text, ...put('new'), select('new'))
    const { sections, currentContext } = parseKubeconfigText(after, '')
    expect(currentContext).toBe('new')
    for (const list of Object.values(sections)) {
      expect(markOf(list.find(({ name }) => name === 'new')?.body)).toEqual(mark)
    }
    const named = sections.contexts.map(({ name }) => name)
    const before = parseKubeconfigText(text, '').sections.contexts.map(({ name }) => name)
    expect(named).toEqual([...before, 'new'])
    if (text.includes('\r')) expect(after.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
    if (/^\{["\n]/.test(text)) JSON.parse(after)
    const gone = parseKubeconfigText(edit(after, ...remove('new'), select('')), '')
    expect(gone.sections.contexts.map(({ name }) => name)).toEqual(before)
  })

  it('keeps the layout of JSON', () => {
    const text = `${JSON.stringify({ apiVersion: 'v1', contexts: [{ name: 'a' }], n: 1 }, null, 4)}\n`
    const after = edit(text, ...put('new'))
    expect(edit(after, ...remove('new'))).toBe(
      text.replace('"n": 1', '"n": 1,\n    "clusters": [],\n    "users": []'),
    )
  })

  it.each([
    ['no YAML', 'a: [', 'config cannot be read as a kubeconfig: BAD_INDENT'],
    [
      'a key twice',
      'users: []\nusers: []\n',
      'config cannot be read as a kubeconfig: DUPLICATE_KEY',
    ],
    [
      'several documents',
      'a: 1\n---\nb: 1\n',
      'config cannot be read as a kubeconfig: MULTIPLE_DOCS',
    ],
    ['a list', '- a\n', 'config cannot be read as a kubeconfig: it is not a mapping'],
    ['text', 'secret-token', 'config cannot be read as a kubeconfig: it is not a mapping'],
  ])('refuses %s, without quoting from it', (_, text, words) => {
    expect(() => edit(text, ...put('new'))).toThrow(
      expect.objectContaining({
        code: 'KUBECONFIG_UNEDITABLE',
        message: expect.stringContaining(words),
      }),
    )
  })

  it('refuses when an entry of somebody else depends on what it would remove', () => {
    const text = 'contexts:\n- &a\n  name: new\n- *a\n'
    expect(() => edit(text, ...remove('new'))).toThrow(
      expect.objectContaining({ code: 'KUBECONFIG_UNEDITABLE' }),
    )
  })
})

const hostile = [
  '"',
  "'",
  '\\',
  '\n',
  '\r\n',
  '\t',
  ': ',
  ' #',
  '- ',
  '{{.x}}',
  '${HOME}',
  '$(id)',
  '`id`',
  '*a',
  '&a',
  '!!str',
  '%TAG',
  '@',
  '\u0085',
  '\u2028',
  '\ufeff',
  '\u0000',
  '\u007f',
  'yes',
  'no',
  'null',
  '~',
  '1e3',
  '0x1f',
  '012',
  '12:30:45',
  '2020-01-01',
  '=',
  '<<',
  '.inf',
  '---',
  '...',
  ' ',
  '',
  '😀',
  'é',
]
const names = fc.oneof(
  fc.constantFrom(...hostile),
  fc.array(fc.constantFrom(...hostile, 'a', 'B'), { maxLength: 4 }).map((parts) => parts.join('')),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
)

/** Foreign kubeconfigs, as people and programs write them. */
const foreign = fc
  .record({
    indent: fc.constantFrom('', '  ', '    '),
    entries: fc.array(
      fc.record({
        comment: fc.constantFrom('', '# a comment\n', '\n', '\n# one\n\n# two\n'),
        body: fc.constantFrom(
          '{a: 1}',
          '{"a": "b"} # beside',
          '\n    a: yes # beside\n    b: [1,\n      2]',
          '\n    token: |\n      line\n      # no comment\n    # a comment',
          '\n    t: >-\n      folded\n      text',
        ),
      }),
      { minLength: 1, maxLength: 4 },
    ),
    head: fc.constantFrom('', '# top\n---\n', 'apiVersion: v1\n', '\n\nkind: "Config" # x\n'),
    foot: fc.constantFrom('', '# bottom\n', 'preferences: {}\n', 'z: |\n  x\n\n\n', '...\n'),
    order: fc.shuffledSubarray(['clusters', 'users', 'contexts'], { minLength: 3 }),
    newline: fc.constantFrom('\n', '\r\n'),
  })
  .map(({ indent, entries, head, foot, order, newline }) => {
    const section = (name: string): string =>
      `${name}:\n${entries
        .map(({ comment, body }, at) =>
          `${comment}${indent}- name: e${at}\n  x: ${body}\n`
            .split('\n')
            .map((line, n) => (n === 0 || !line.startsWith('  ') ? line : indent + line))
            .join('\n'),
        )
        .join('')}`
    const text = `${head}${order.map(section).join('')}${foot}`
    return text.replaceAll('\n', newline)
  })
  .filter((text) => {
    try {
      parseKubeconfigText(text, '')
      return true
    } catch {
      return false
    }
  })

describe('properties of editKubeconfig()', () => {
  it('any name arrives as it is, for readers of YAML 1.1 and 1.2', () => {
    fc.assert(
      fc.property(names, names, (name, other) => {
        fc.pre(name !== other)
        const text = edit('', ...put(name), ...put(other), select(name))
        for (const version of ['1.1', '1.2'] as const) {
          const read = parse(text, { version, merge: true }) as {
            contexts: { name: string; context: { cluster: string; user: string } }[]
            'current-context': string
          }
          expect(read.contexts.map((each) => each.name)).toEqual([name, other])
          expect(read.contexts[0]?.context).toMatchObject({ cluster: name, user: name })
          expect(read['current-context']).toBe(name)
        }
        // Breaks of lines that only some readers know must not stand there bare.
        expect(text).not.toMatch(/[\u0085\u2028\u2029]/)
      }),
    )
  })

  it('what others wrote stays, byte for byte, when entries come, change and go', () => {
    fc.assert(
      fc.property(foreign, names, names, (text, name, other) => {
        fc.pre(name !== other && !/^e\d$/.test(name) && !/^e\d$/.test(other))
        const one = edit(text, ...put(name))
        const two = edit(one, ...put(other), ...put(name))
        const changed = edit(two, {
          kind: 'put',
          section: 'contexts',
          name: other,
          set: { namespace: 'n' },
          mark,
        })
        expect(edit(changed, ...remove(other))).toBe(one)
        expect(edit(one, ...remove(name))).toBe(text)
        expect(edit(two, ...remove(name), ...remove(other))).toBe(text)
      }),
    )
  })
})
