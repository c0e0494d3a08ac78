import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readFile, stat, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { errorCode } from '../core/index.ts'
import { FilesError } from './errors.ts'

/** Who waits looks this often, give or take half: short against any write, and nobody wakes in step. */
const LOOK_EVERY_MS = 15
/** Far above what it takes to look at a lock and remove it. */
const GUARD_STALE_MS = 5000

/** Fifty programs at once are a script over many clusters, and the last of them must not fail. */
const MAX_TURNS = 20

export interface LockOptions {
  /** How long to wait for one other process. A queue of them may take MAX_TURNS times as long while it moves. */
  readonly waitMs: number
  /**
   * A lock of an unknown process is left over when it is older than this. One of a process of this machine is when that
   * process is gone, and never while it lives.
   */
  readonly staleMs: number
  /** Called once, when there is something to wait for. */
  readonly onWait?: () => void
}

/**
 * Runs `work` while this process alone holds the lock file `path`, made with O_EXCL as client-go makes `<kubeconfig>.lock`.
 * Rejects with FilesError LOCK_HELD, or the file system's error when the lock cannot be made.
 */
export async function withLockFile<T>(
  path: string,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  const token = `${process.pid} ${hostname()} ${randomBytes(8).toString('hex')}\n`
  await acquire(path, token, options)
  try {
    return await work()
  } finally {
    await release(path, token)
  }
}

async function acquire(path: string, token: string, options: LockOptions): Promise<void> {
  const last = Date.now() + options.waitMs * MAX_TURNS
  let holder: string | null = null
  let deadline = last
  for (let waited = false; ; waited = true) {
    if (await take(path, token)) return
    const isOver = await isLeftOver(path, options.staleMs)
    if (isOver && (await discard(path, options.staleMs))) continue
    if (!waited) options.onWait?.()
    const now = await holderOf(path)
    if (now !== holder) {
      holder = now
      deadline = Math.min(last, Date.now() + options.waitMs)
    }
    if (Date.now() >= deadline) {
      throw new FilesError(
        'LOCK_HELD',
        `${path} is held by ${await ownerOf(path)}: if there is none any more, remove that file`,
        { facts: { path } },
      )
    }
    await delay(LOOK_EVERY_MS * (0.5 + Math.random()))
  }
}

async function take(path: string, token: string): Promise<boolean> {
  let file: FileHandle
  try {
    file = await open(path, 'wx', 0o600)
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
  try {
    await file.writeFile(token)
  } catch (error) {
    await unlink(path).catch(() => {})
    throw error
  } finally {
    await file.close()
  }
  return true
}

/** Tells one holding of the lock from the next; null when nobody holds it. */
async function holderOf(path: string): Promise<string | null> {
  const found = await stat(path).catch(() => null)
  if (found === null) return null
  return `${found.ino} ${found.mtimeMs} ${await readFile(path, 'utf8').catch(() => '')}`
}

/** Lets go, unless the lock was taken from us meanwhile: what is there then is another's. */
async function release(path: string, token: string): Promise<void> {
  const found = await readFile(path, 'utf8').catch(() => null)
  if (found === token) await unlink(path).catch(() => {})
}

interface Owner {
  readonly pid: number
  readonly host: string
}

/** Null for a lock that says nothing, as kubectl's. */
async function readOwner(path: string): Promise<Owner | null> {
  const text = await readFile(path, 'utf8').catch(() => '')
  const match = /^(\d+) (\S+) /.exec(text)
  return match === null ? null : { pid: Number(match[1]), host: match[2] ?? '' }
}

async function isLeftOver(path: string, staleMs: number): Promise<boolean> {
  const owner = await readOwner(path)
  if (owner !== null && owner.host === hostname()) return !isAlive(owner.pid)
  const found = await stat(path).catch(() => null)
  return found !== null && Date.now() - found.mtimeMs > staleMs
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) !== 'ESRCH'
  }
}

/**
 * Takes a left-over lock out of the way. One process at a time may: it looks again under a guard, since another may have done so
 * already, and made a lock of its own. Only who holds the guard removes what is not his, so what it sees is what it removes. False:
 * somebody else is at it.
 */
async function discard(path: string, staleMs: number): Promise<boolean> {
  const guard = `${path}.stale`
  if (!(await take(guard, `${process.pid} ${hostname()} discards\n`))) {
    // Held for less than a millisecond; one that is old is of a process that died in it.
    const found = await stat(guard).catch(() => null)
    if (found !== null && Date.now() - found.mtimeMs > GUARD_STALE_MS) await remove(guard)
    return false
  }
  try {
    if (await isLeftOver(path, staleMs)) await remove(path)
    return true
  } finally {
    await remove(guard)
  }
}

const remove = (path: string): Promise<void> => unlink(path).catch(() => {})

async function ownerOf(path: string): Promise<string> {
  const owner = await readOwner(path)
  if (owner === null) return 'another program'
  return owner.host === hostname()
    ? `process ${owner.pid}`
    : `process ${owner.pid} of ${owner.host}`
}
