import { readFile, stat } from 'node:fs/promises'
import { delimiter, dirname, join, resolve } from 'node:path'
import { errorCode, fileWords } from '../../core/index.ts'
import { makePrivateDirectory, replaceFile, withLockFile } from '../../files/index.ts'
import { ClientError } from '../errors.ts'
import { editKubeconfig } from './edit-kubeconfig.ts'
import type { KubeconfigFile } from './plan.ts'
import type { Edit } from './types.ts'

/** kubectl holds its lock for milliseconds, and tsh for little longer; fifty at once are through in seconds. */
const LOCK_WAIT_MS = 30_000
/** A kubectl that died leaves a lock that says nothing of whom it belonged to. */
const LOCK_STALE_MS = 10_000

/** The kubeconfigs that kubectl would read: those of `$KUBECONFIG`, each once, else `~/.kube/config`. */
export function kubeconfigPaths(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): readonly string[] {
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '')
  if (listed.length === 0) return [join(home, '.kube', 'config')]
  return [...new Set(listed.map((path) => resolve(path)))]
}

/** Reads kubeconfigs; those that are not there have no text. Rejects with ClientError KUBECONFIG_UNREADABLE. */
export async function readKubeconfigs(
  paths: readonly string[],
): Promise<readonly KubeconfigFile[]> {
  return Promise.all(
    paths.map(async (path) => {
      try {
        return { path, text: await readFile(path, 'utf8') }
      } catch (error) {
        if (isAbsent(error)) return { path, text: null }
        throw new ClientError(
          'KUBECONFIG_UNREADABLE',
          `cannot read the kubeconfig ${path}: ${fileWords(error)}`,
          { cause: error },
        )
      }
    }),
  )
}

const isAbsent = (error: unknown): boolean =>
  errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR'

/**
 * Reads kubeconfigs, lets `plan` decide, and writes what it changes, while kubectl and other tsh wait: under the locks
 * that client-go takes, in its order. Each file is written whole or not at all.
 *
 * Rejects with ClientError KUBECONFIG_UNREADABLE or KUBECONFIG_UNWRITABLE, FilesError LOCK_HELD, KubeconfigEditError, and
 * whatever `plan` throws.
 */
export async function updateKubeconfigs<
  Plan extends { readonly edits: ReadonlyMap<string, readonly Edit[]> },
>(
  paths: readonly string[],
  plan: (files: readonly KubeconfigFile[]) => Plan,
  options: {
    readonly onWait?: (lock: string) => void
    /** A file got a private key, and is no longer open to group and others. */
    readonly onNarrowed?: (path: string) => void
  } = {},
): Promise<Plan> {
  const present = await existing(paths)
  const done = await updateLocked(paths, plan, options, present)
  // Only what is written gets a directory and a lock; a file that is new is known when all was read.
  return 'plan' in done
    ? done.plan
    : finished(await updateLocked(paths, plan, options, [...present, ...done.needs]))
}

type Done<Plan> = { readonly plan: Plan } | { readonly needs: readonly string[] }

function finished<Plan>(done: Done<Plan>): Plan {
  if ('plan' in done) return done.plan
  throw new ClientError(
    'KUBECONFIG_UNWRITABLE',
    `kubeconfigs appear while they are written: ${done.needs.join(', ')}`,
    { hint: 'try again' },
  )
}

async function existing(paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        () => [path],
        (error: unknown) => (isAbsent(error) ? [] : [path]),
      ),
    ),
  )
  return found.flat()
}

/** Under the locks of `lockedPaths`; names what must be locked besides, and then has written nothing. */
async function updateLocked<Plan extends { readonly edits: ReadonlyMap<string, readonly Edit[]> }>(
  paths: readonly string[],
  plan: (files: readonly KubeconfigFile[]) => Plan,
  options: NonNullable<Parameters<typeof updateKubeconfigs>[2]>,
  lockedPaths: readonly string[],
): Promise<Done<Plan>> {
  const unlockable = new Map<string, unknown>()
  const update = async (): Promise<Done<Plan>> => {
    const files = await readKubeconfigs(paths)
    const planned = plan(files)
    // All are thought through before the first is written.
    const changes = files.flatMap(({ path, text }) => {
      const after = editKubeconfig(text ?? '', planned.edits.get(path) ?? [], path)
      return after === (text ?? '') ? [] : [{ path, after }]
    })
    const needs = changes.map(({ path }) => path).filter((path) => !lockedPaths.includes(path))
    if (needs.length > 0) return { needs }
    for (const { path, after } of changes) {
      if (unlockable.has(path)) throw unwritable(path, unlockable.get(path))
      const isSecret = (planned.edits.get(path) ?? []).some(embedsKey)
      const narrowed = await replaceFile(path, after, isSecret).catch((error: unknown) => {
        throw unwritable(path, error)
      })
      if (narrowed) options.onNarrowed?.(path)
    }
    return { plan: planned }
  }
  const locked = lockedPaths
    .toSorted()
    .reduceRight<() => Promise<Done<Plan>>>(
      (work, path) => () => withKubeconfigLock(path, unlockable, options.onWait, work),
      update,
    )
  return locked()
}

/** A file that cannot be locked is one that cannot be written: that matters only if it must be. */
async function withKubeconfigLock<T>(
  path: string,
  unlockable: Map<string, unknown>,
  onWait: ((lock: string) => void) | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const lock = `${path}.lock`
  let entered = false
  try {
    await makePrivateDirectory(dirname(path))
    return await withLockFile(
      lock,
      { waitMs: LOCK_WAIT_MS, staleMs: LOCK_STALE_MS, onWait: () => onWait?.(lock) },
      () => {
        entered = true
        return work()
      },
    )
  } catch (error) {
    if (entered || !isRefusal(error)) throw error
    unlockable.set(path, error)
    return work()
  }
}

const embedsKey = (edit: Edit): boolean =>
  edit.kind === 'put' && typeof edit.set['client-key-data'] === 'string'

const isRefusal = (error: unknown): boolean =>
  ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOENT', 'ENOTDIR', 'EEXIST'].includes(
    errorCode(error) ?? '',
  )

function unwritable(path: string, error: unknown): ClientError {
  return new ClientError(
    'KUBECONFIG_UNWRITABLE',
    `cannot write the kubeconfig ${path}: ${fileWords(error)}`,
    { cause: error, hint: 'it is as it was; KUBECONFIG names another file' },
  )
}
