import { existsSync } from 'node:fs'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { FakeApi, refusal } from '../../../../test/support/fake-api.ts'
import { FakeIo, tctl } from '../../../../test/support/fake-io.ts'
import type { ClusterSettingsResource, RoleResource } from '../../../contract/index.ts'

const role: RoleResource = {
  kind: 'role',
  version: 'v7',
  metadata: { name: 'developer', revision: '12' },
  spec: { allow: { kubernetes_groups: ['dev'] } },
}

/** A person at an editor: each function is one sitting. */
type Sitting = (text: string) => string | { readonly exit: number; readonly text: string }

class Desk {
  readonly io: FakeIo
  readonly seen: string[] = []
  readonly modes: number[] = []
  command = ''
  path = ''

  constructor(sittings: readonly Sitting[], isTty = true) {
    this.io = new FakeIo({ isTty, env: { EDITOR: 'ed --quiet' } })
    const left = [...sittings]
    this.io.foreground = async (command, [path = '']) => {
      this.command = command
      this.path = path
      const sitting = left.shift()
      if (sitting === undefined) throw new Error('the editor was opened once more')
      const text = await readFile(path, 'utf8')
      this.seen.push(text)
      this.modes.push((await stat(path)).mode & 0o777, (await stat(dirname(path))).mode & 0o777)
      const result = sitting(text)
      await writeFile(path, typeof result === 'string' ? result : result.text)
      return typeof result === 'string' ? 0 : result.exit
    }
  }

  /** The text that was kept; null when nothing was. */
  async kept(): Promise<string | null> {
    if (!existsSync(dirname(this.path))) return null
    expect(await readdir(dirname(this.path))).toHaveLength(1)
    return readFile(this.path, 'utf8')
  }
}

let desk: Desk
afterEach(async () => {
  if (desk.path !== '') await rm(dirname(desk.path), { recursive: true, force: true })
})

const toOps: Sitting = (text) => text.replace('- dev', '- ops')

describe('tctl edit', () => {
  it('writes what was changed, with the revision, and leaves no file', async () => {
    desk = new Desk([toOps])
    let written: RoleResource | null = null
    const api = new FakeApi({
      'roles.read': () => role,
      'roles.upsert': ({ body }) => {
        written = body
        return body
      },
    })
    expect(await tctl(api, ['edit', 'roles/developer'], desk.io)).toBe(0)
    expect(written).toEqual({ ...role, spec: { allow: { kubernetes_groups: ['ops'] } } })
    expect(desk.io.out).toBe('role "developer" written\n')
    expect(desk.command).toBe('ed --quiet')
    expect(desk.path).toMatch(/role-developer\.yaml$/)
    expect(desk.modes).toEqual([0o600, 0o700])
    expect(await desk.kept()).toBeNull()
  })

  it.each<[string, Sitting, string]>([
    ['nothing was changed', (text) => text, 'nothing was changed: nothing was written\n'],
    ['only comments were', (text) => `# hm\n${text}`, 'nothing was changed: nothing was written\n'],
    ['nothing is left', () => '', 'nothing is left of it: nothing was written\n'],
  ])('writes nothing when %s', async (_what, sitting, words) => {
    desk = new Desk([sitting])
    const api = new FakeApi({ 'roles.read': () => role })
    expect(await tctl(api, ['edit', 'roles/developer'], desk.io)).toBe(0)
    expect(api.calls).toEqual(['roles.read'])
    expect(desk.io.err).toBe(words)
    expect(await desk.kept()).toBeNull()
  })

  it('opens the editor again with what is wrong, until it is right', async () => {
    const wrong = (text: string): string => text.replace('version: v7', 'version: v99')
    desk = new Desk([
      (text) => text.replace('allow:', 'allow: ['),
      (text) => wrong(text.replace('allow: [', 'allow:')),
      (text) => toOps(text.replace('v99', 'v7')),
    ])
    const api = new FakeApi({
      'roles.read': () => role,
      'roles.upsert': ({ body }) => {
        if (String(body.version) !== 'v7') {
          throw refusal(400, 'BAD_REQUEST', 'version is not one of v3 to v8')
        }
        return body
      },
    })
    expect(await tctl(api, ['edit', 'roles/developer'], desk.io)).toBe(0)
    expect(desk.seen[1]).toMatch(/^#: the text, document 1: /)
    expect(desk.seen[2]).toMatch(/^#: version is not one of v3 to v8\n#: Mend it/)
    expect(desk.seen[2]?.match(/^#: /gm)).toHaveLength(2)
    expect(desk.io.out).toBe('role "developer" written\n')
  })

  it('gives up when the editor is closed without a change to what is wrong, and keeps the text', async () => {
    const broken = (text: string): string => text.replace('allow:', 'allow: [')
    desk = new Desk([broken, (text) => text])
    const api = new FakeApi({ 'roles.read': () => role })
    expect(await tctl(api, ['edit', 'roles/developer'], desk.io)).toBe(1)
    expect(desk.io.err).toContain(`tctl: your text is kept in ${desk.path}\n`)
    expect(await desk.kept()).toContain('allow: [')
    expect(api.calls).toEqual(['roles.read'])
  })

  it('does not go on for ever with a program that is always wrong', async () => {
    const sitting: Sitting = (text) => `${text}: [\n`
    desk = new Desk(Array.from({ length: 20 }, () => sitting))
    const api = new FakeApi({ 'roles.read': () => role })
    expect(await tctl(api, ['edit', 'roles/developer'], desk.io)).toBe(1)
    expect(desk.seen).toHaveLength(20)
    expect(await desk.kept()).toContain(': [')
  })

  it('does not open it again where nobody reads it', async () => {
    desk = new Desk([(text) => text.replace('allow:', 'allow: [')], false)
    const api = new FakeApi({ 'roles.read': () => role })
    expect(await tctl(api, ['edit', 'roles/developer'], desk.io)).toBe(1)
    expect(desk.io.err).toContain('tctl: the text, document 1')
    expect(await desk.kept()).toContain('allow: [')
  })

  it.each([
    ['somebody else was faster', 409, 'CONFLICT', 'was changed by somebody else', 1],
    ['the roles do not allow it', 403, 'ACCESS_DENIED', 'you may not update role', 4],
    ['the audit log is full', 503, 'AUDIT_UNAVAILABLE', 'cannot be written', 1],
  ])('keeps the text when %s', async (_what, status, code, words, exit) => {
    desk = new Desk([toOps])
    const api = new FakeApi({
      'roles.read': () => role,
      'roles.upsert': () => {
        throw refusal(status, code, words)
      },
    })
    expect(await tctl(api, ['edit', 'roles/developer'], desk.io)).toBe(exit)
    expect(desk.io.err).toContain(`tctl: ${words}\n`)
    expect(desk.io.err).toContain(`your text is kept in ${desk.path}`)
    expect(desk.io.err.includes('tctl get role/developer | diff')).toBe(code === 'CONFLICT')
    expect(await desk.kept()).toContain('- ops')
  })

  it('writes nothing when the editor fails, and keeps what was typed', async () => {
    desk = new Desk([(text) => ({ exit: 1, text: toOps(text) as string })])
    const api = new FakeApi({ 'roles.read': () => role })
    expect(await tctl(api, ['edit', 'roles/developer'], desk.io)).toBe(1)
    expect(desk.io.err).toContain('"ed --quiet" ended with 1: nothing was written')
    expect(await desk.kept()).toContain('- ops')
  })

  it('keeps nothing of an editor that fails at once', async () => {
    desk = new Desk([(text) => ({ exit: 127, text })])
    const api = new FakeApi({ 'roles.read': () => role })
    expect(await tctl(api, ['edit', 'roles/developer'], desk.io)).toBe(1)
    expect(await desk.kept()).toBeNull()
  })

  it('needs no name for the only one of its kind', async () => {
    desk = new Desk([(text) => text.replace('12h', '8h')])
    const settings: ClusterSettingsResource = {
      kind: 'cluster_settings',
      version: 'v1',
      metadata: { name: 'cluster-settings', revision: '3' },
      spec: { default_session_ttl: '12h' },
    }
    const written: unknown[] = []
    const api = new FakeApi({
      'cluster_settings.read': () => settings,
      'cluster_settings.update': ({ body }) => {
        written.push(body)
        return body
      },
    })
    expect(await tctl(api, ['edit', 'cluster_settings'], desk.io)).toBe(0)
    expect(written).toEqual([{ ...settings, spec: { default_session_ttl: '8h' } }])
  })

  it('takes the editor of the flag, of $VISUAL, of $EDITOR, in this order', async () => {
    for (const [argv, env, expected] of [
      [['--editor', 'a -w'], { VISUAL: 'b', EDITOR: 'c' }, 'a -w'],
      [[], { VISUAL: 'b', EDITOR: 'c' }, 'b'],
      [[], { VISUAL: '', EDITOR: 'c' }, 'c'],
      [[], {}, 'vi'],
    ] as const) {
      desk = new Desk([(text) => text])
      const io = new FakeIo({ isTty: true, env })
      io.foreground = desk.io.foreground
      const api = new FakeApi({ 'roles.read': () => role })
      expect(await tctl(api, ['edit', 'role/developer', ...argv], io)).toBe(0)
      expect(desk.command).toBe(expected)
    }
  })

  it('asks nobody without a terminal', async () => {
    desk = new Desk([])
    const io = new FakeIo()
    const api = new FakeApi({ 'roles.read': () => role })
    expect(await tctl(api, ['edit', 'role/developer'], io)).toBe(1)
    expect(io.err).toContain('there is no terminal to edit on')
    expect(api.calls).toEqual([])
  })

  it.each([
    ['edit roles', 'which role? give role/<name>'],
    ['edit kube_servers/a', 'kube_server is not written by hand'],
    ['edit nonsense/a', 'kind "nonsense" is not known'],
  ])('tctl %s', async (argv, words) => {
    desk = new Desk([])
    expect(await tctl(new FakeApi({}), argv.split(' '), desk.io)).toBe(2)
    expect(desk.io.err).toContain(words)
  })
})
