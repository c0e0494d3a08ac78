import { existsSync } from 'node:fs'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { kubeconfigPaths, readKubeconfigs, updateKubeconfigs } from './kubeconfig-files.ts'
import { parseKubeconfigText } from './kubeconfig-text.ts'
import type { Edit } from './types.ts'

let directory: string
let path: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kubeconfig-'))
  path = join(directory, '.kube', 'config')
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const entry = (name: string): Edit => ({
  kind: 'put',
  section: 'contexts',
  name,
  set: { cluster: name },
  mark: { proxy: 'p', user: 'u', teleportCluster: 't', kubeCluster: name },
})
const add = (name: string, paths: readonly string[] = [path]): Promise<unknown> =>
  updateKubeconfigs(paths, () => ({ edits: new Map([[paths[0] ?? '', [entry(name)]]]) }))
const names = async (): Promise<string[]> =>
  parseKubeconfigText(await readFile(path, 'utf8'), path).sections.contexts.map(({ name }) => name)

describe('kubeconfigPaths()', () => {
  it('is what kubectl reads', () => {
    expect(kubeconfigPaths({}, '/home/joe')).toEqual(['/home/joe/.kube/config'])
    expect(kubeconfigPaths({ KUBECONFIG: '' }, '/home/joe')).toEqual(['/home/joe/.kube/config'])
    const list = ['/a', '', '/b', '/a'].join(delimiter)
    expect(kubeconfigPaths({ KUBECONFIG: list }, '/home/joe')).toEqual(['/a', '/b'])
  })
})

describe('updateKubeconfigs()', () => {
  it('makes file and directory, and leaves no lock', async () => {
    await add('a')
    expect(await names()).toEqual(['a'])
    expect(await readdir(join(directory, '.kube'))).toEqual(['config'])
  })

  it('loses no entry of fifty at once', async () => {
    const wanted = Array.from({ length: 50 }, (_, n) => `c${n}`)
    await Promise.all(wanted.map((name) => add(name)))
    expect((await names()).toSorted()).toEqual(wanted.toSorted())
  })

  it('takes a file from others when it gets a private key, and says so', async () => {
    await add('a')
    await chmod(path, 0o644)
    await add('b')
    expect((await stat(path)).mode & 0o777).toBe(0o644)
    const narrowed: string[] = []
    const withKey: Edit = {
      kind: 'put',
      section: 'users',
      name: 'a',
      set: { 'client-key-data': 'a2V5' },
      mark: { proxy: 'p', user: 'u', teleportCluster: 't', kubeCluster: 'a' },
    }
    await updateKubeconfigs([path], () => ({ edits: new Map([[path, [withKey]]]) }), {
      onNarrowed: (which) => narrowed.push(which),
    })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(narrowed).toEqual([path])
  })

  it('makes neither a directory nor a lock for what is only read', async () => {
    await add('a')
    const elsewhere = join(directory, 'elsewhere', 'config')
    const seen = await updateKubeconfigs([path, elsewhere], (files) => {
      expect(files.map(({ text }) => text !== null)).toEqual([true, false])
      return { edits: new Map<string, readonly Edit[]>() }
    })
    expect(seen.edits.size).toBe(0)
    expect(await readdir(directory)).toEqual(['.kube'])
    await updateKubeconfigs([elsewhere], () => ({ edits: new Map<string, readonly Edit[]>() }))
    expect(await readdir(directory)).toEqual(['.kube'])
  })

  it('does not write what does not change', async () => {
    await add('a')
    const old = new Date(1_000_000)
    await utimes(path, old, old)
    await add('a')
    const { mtime } = await import('node:fs/promises').then(({ stat }) => stat(path))
    expect(mtime).toEqual(old)
  })

  it('takes the locks of all files, and gives them back when the plan fails', async () => {
    const other = join(directory, 'other')
    await add('a')
    await writeFile(other, '')
    let seen: string[] = []
    const failed = updateKubeconfigs([path, other], () => {
      expect([existsSync(`${path}.lock`), existsSync(`${other}.lock`)]).toEqual([true, true])
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    await updateKubeconfigs([path, other], (files) => {
      seen = files.map(({ path: each }) => each)
      return { edits: new Map() }
    })
    expect(seen).toEqual([path, other])
    expect(await readdir(join(directory, '.kube'))).toEqual(['config'])
    expect(await readdir(directory)).toEqual(['.kube', 'other'])
  })

  it('writes through a symbolic link, under the lock of the link', async () => {
    await mkdir(join(directory, '.kube'))
    const real = join(directory, 'real')
    await writeFile(real, '# mine\n')
    await symlink(real, path)
    await add('a')
    expect(await readFile(real, 'utf8')).toMatch(/^# mine\n/)
    expect(await names()).toEqual(['a'])
  })

  it('a kubeconfig that cannot be locked matters only when it must be written', async () => {
    const nowhere = join(directory, 'file', 'config')
    await writeFile(join(directory, 'file'), '')
    await add('a', [path, nowhere])
    expect(await names()).toEqual(['a'])
    await expect(add('a', [nowhere])).rejects.toMatchObject({ code: 'KUBECONFIG_UNWRITABLE' })
  })

  it('names a kubeconfig that cannot be read', async () => {
    await mkdir(path, { recursive: true })
    await expect(readKubeconfigs([path])).rejects.toMatchObject({ code: 'KUBECONFIG_UNREADABLE' })
  })
})
