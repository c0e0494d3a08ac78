import { execFile } from 'node:child_process'
import { access, chmod, constants, readdir, readFile, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { errorCode, fileWords } from '../../core/index.ts'
import {
  makePrivateDirectory,
  withLockFile,
  writePrivateFile,
  writePrivateFiles,
} from '../../files/index.ts'
import { ClientError } from '../errors.ts'
import type { KnownProxy } from '../login/open-channel.ts'
import { credentialScript, scriptDeadlineMs } from './credential-script.ts'
import { fileNameOf } from './file-name.ts'
import { type Access, type Profile, parseAccess, parseProfile, parseVersioned } from './profile.ts'

const PROFILES = 'profiles'
const IDENTITY = 'identity.json'
const ACCESS = 'access.json'
const SCRIPT = 'kube-credentials'
const CURRENT = 'current.json'
const KNOWN = 'known-proxies.json'

/** Writes take milliseconds. */
const LOCK = { waitMs: 30_000, staleMs: 30_000 } as const
/** Another login of the same person waits for a password as long as people take to type one. */
const LOGIN_LOCK = { waitMs: 120_000, staleMs: 10 * 60_000 } as const

export interface StoredProfile {
  readonly profile: Profile
  /** Null when it was never asked for, or by another version. */
  readonly access: Access | null
  readonly isCurrent: boolean
}

export interface ProfileKey {
  readonly proxy: string
  readonly user: string
}

interface KnownFile {
  readonly version: 1
  readonly proxies: Readonly<
    Record<string, { readonly cluster_name: string; readonly host_ca: string }>
  >
}

/**
 * Everything below `~/.tsh` (TELEPORT_HOME): one directory for each person at each proxy, which of them is current, and the
 * authorities of proxies that are known. Directories are 0700, files 0600; each is written whole or not at all.
 *
 *     current.json                      {"proxy", "user"}
 *     known-proxies.json                the pinned authorities; they outlive a logout
 *     profiles/joe@example.com%3a3080/  identity.json, access.json, kube-credentials
 *
 * `tsh kube credentials` reads identity.json without this class, which would take longer to load than the whole command.
 *
 * Methods reject with ClientError PROFILE_UNREADABLE or PROFILE_UNWRITABLE, and FilesError LOCK_HELD.
 */
export class ProfileStore {
  readonly home: string

  constructor(home: string) {
    this.home = home
  }

  /** All profiles, by proxy and user. One that cannot be read is an error: it may hold the key that somebody looks for. */
  async list(): Promise<readonly StoredProfile[]> {
    const names = await readdir(join(this.home, PROFILES)).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return []
      throw unreadable(join(this.home, PROFILES), error)
    })
    const current = await this.#current()
    const found = await Promise.all(names.toSorted().map((name) => this.#read(name, current)))
    return found.filter((each) => each !== null)
  }

  /** The profile that is meant: the named one; with nothing named the current one, or the only one. */
  async find(wanted: Partial<ProfileKey>): Promise<StoredProfile | null> {
    const matching = (await this.list()).filter(
      ({ profile }) =>
        (wanted.proxy === undefined || profile.proxy === wanted.proxy) &&
        (wanted.user === undefined || profile.user === wanted.user),
    )
    return (
      matching.find(({ isCurrent }) => isCurrent) ??
      matching.toSorted((a, b) => b.profile.logged_in_at_ms - a.profile.logged_in_at_ms)[0] ??
      null
    )
  }

  /** Fails before a person has typed anything when a login could not be kept. */
  async assertWritable(): Promise<void> {
    await this.#write(async () => {
      const probe = join(this.home, `.${process.pid}.probe`)
      await writePrivateFile(probe, 'x'.repeat(PROBE_BYTES))
      await rm(probe, { force: true })
    })
  }

  /** Keeps a login, makes it the current one, and remembers the authority of its proxy. */
  async save(profile: Profile, given: Access | null, launcher: readonly string[]): Promise<void> {
    const directory = this.directoryOf(profile)
    await this.#write(async () => {
      await makePrivateDirectory(directory)
      const known = await this.#knownFile()
      const before = await this.#read(basename(directory), null).catch(() => null)
      const kubeconfigs = [
        ...new Set([...(before?.profile.kubeconfigs ?? []), ...profile.kubeconfigs]),
      ]
      const proxies = {
        ...known.proxies,
        [profile.proxy]: { cluster_name: profile.teleport_cluster, host_ca: profile.host_ca },
      }
      await writePrivateFiles([
        file(join(directory, IDENTITY), { ...profile, kubeconfigs }),
        ...(given === null ? [] : [file(join(directory, ACCESS), given)]),
        {
          path: join(directory, SCRIPT),
          content: credentialScript({
            certificate: profile.certificate,
            privateKey: profile.private_key,
            expiresAtMs: profile.expires_at_ms,
            launcher,
            home: this.home,
            clock: await scriptClock(),
            printer: await scriptPrinter(),
          }),
          executable: true,
          modifiedAt: new Date(scriptDeadlineMs(profile.expires_at_ms)),
        },
        file(join(this.home, KNOWN), { version: 1, proxies }),
        file(join(this.home, CURRENT), { proxy: profile.proxy, user: profile.user }),
      ])
    })
  }

  /** Remembers what the server said; that it cannot be kept is no reason to fail. */
  async saveAccess(key: ProfileKey, given: Access): Promise<void> {
    const path = join(this.directoryOf(key), ACCESS)
    await writePrivateFiles([file(path, given)]).catch(() => {})
  }

  /** Remembers a kubeconfig that has entries of a profile. */
  async addKubeconfigs(key: ProfileKey, paths: readonly string[]): Promise<void> {
    await this.#write(async () => {
      // Read while nobody else writes: a login that renews meanwhile would get its old key back.
      const found = await this.#read(basename(this.directoryOf(key)), null)
      const kubeconfigs = [...new Set([...(found?.profile.kubeconfigs ?? []), ...paths])]
      if (found === null || kubeconfigs.length === found.profile.kubeconfigs.length) return
      await writePrivateFiles([
        file(join(this.directoryOf(key), IDENTITY), { ...found.profile, kubeconfigs }),
      ])
    })
  }

  /** Makes a profile the one that is meant when nobody names one. */
  async select(key: ProfileKey): Promise<void> {
    await this.#write(async () => {
      const current = await this.#current()
      if (current?.proxy === key.proxy && current.user === key.user) return
      await writePrivateFiles([
        file(join(this.home, CURRENT), { proxy: key.proxy, user: key.user }),
      ])
    })
  }

  /** Destroys the keys of a profile. The authority of its proxy stays known. */
  async remove(key: ProfileKey): Promise<void> {
    await this.#write(async () => {
      await rm(this.directoryOf(key), { recursive: true, force: true })
      const current = await this.#current()
      if (current?.proxy === key.proxy && current.user === key.user) {
        await rm(join(this.home, CURRENT), { force: true })
      }
    })
  }

  /** The authority that was kept of a proxy. */
  async known(proxy: string): Promise<KnownProxy | null> {
    const found = (await this.#knownFile()).proxies[proxy]
    return found === undefined ? null : { clusterName: found.cluster_name, hostCa: found.host_ca }
  }

  /** The program that kubeconfigs name. */
  scriptOf(key: ProfileKey): string {
    return join(this.directoryOf(key), SCRIPT)
  }

  /** Whether programs may be started from where the script is: some homes are mounted without that. */
  async canRunScript(key: ProfileKey): Promise<boolean> {
    return access(this.scriptOf(key), constants.X_OK).then(
      () => true,
      () => false,
    )
  }

  directoryOf({ proxy, user }: ProfileKey): string {
    return join(this.home, PROFILES, fileNameOf(`${user}@${proxy}`))
  }

  /** Runs `work` while no other process asks the same person for a password. */
  async whileLoggingIn<T>(
    key: ProfileKey,
    work: () => Promise<T>,
    onWait?: () => void,
  ): Promise<T> {
    const name = `${fileNameOf(`${key.user}@${key.proxy}`)}.login.lock`
    await this.#prepare()
    return withLockFile(
      join(this.home, name),
      { ...LOGIN_LOCK, ...(onWait === undefined ? {} : { onWait }) },
      work,
    )
  }

  async #read(name: string, current: ProfileKey | null): Promise<StoredProfile | null> {
    const path = join(this.home, PROFILES, name, IDENTITY)
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return null
      throw unreadable(path, error)
    })
    if (text === null) return null
    const profile = parseProfile(text, path)
    const given = await readFile(join(this.home, PROFILES, name, ACCESS), 'utf8').catch(() => '')
    return {
      profile,
      access: parseAccess(given),
      isCurrent: current?.proxy === profile.proxy && current.user === profile.user,
    }
  }

  async #current(): Promise<ProfileKey | null> {
    const text = await readFile(join(this.home, CURRENT), 'utf8').catch(() => '')
    try {
      const { proxy, user } = JSON.parse(text) as Partial<ProfileKey>
      return typeof proxy === 'string' && typeof user === 'string' ? { proxy, user } : null
    } catch {
      return null
    }
  }

  async #knownFile(): Promise<KnownFile> {
    const path = join(this.home, KNOWN)
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return null
      // To forget what was pinned would be to trust whoever answers.
      throw unreadable(path, error)
    })
    return text === null ? { version: 1, proxies: {} } : parseVersioned<KnownFile>(text, path)
  }

  /** Makes the home, and takes it from others when it was open to them. */
  async #prepare(): Promise<void> {
    try {
      await makePrivateDirectory(this.home)
      const { mode } = await stat(this.home)
      if ((mode & 0o077) !== 0) await chmod(this.home, 0o700)
    } catch (error) {
      throw unwritable(this.home, error)
    }
  }

  async #write<T>(work: () => Promise<T>): Promise<T> {
    await this.#prepare()
    try {
      return await withLockFile(join(this.home, 'lock'), LOCK, work)
    } catch (error) {
      const isOurs = error instanceof ClientError || errorCode(error) === 'LOCK_HELD'
      throw isOurs ? error : unwritable(this.home, error)
    }
  }
}

/** About what a login writes; a disk with less room is full. */
const PROBE_BYTES = 32 * 1024

const file = (path: string, value: unknown): { path: string; content: string } => ({
  path,
  content: `${JSON.stringify(value, null, 2)}\n`,
})

/** `/proc` tells the time here when it says that this very process began between its start and now. */
async function scriptClock(): Promise<'proc' | 'date'> {
  if (process.platform !== 'linux') return 'date'
  const found = await stat('/proc/self').catch(() => null)
  const age = found === null ? Number.NaN : Date.now() - found.mtimeMs
  const uptimeMs = process.uptime() * 1000
  return age > -1000 && age < uptimeMs + 5000 ? 'proc' : 'date'
}

/** What `/bin/sh` says of its printf: its name alone when it is a part of it, else where the program is. */
function scriptPrinter(): Promise<'printf' | 'cat'> {
  return promisify(execFile)('/bin/sh', ['-c', 'command -v printf']).then(
    ({ stdout }) => (stdout.trim() === 'printf' ? 'printf' : 'cat'),
    () => 'cat',
  )
}

const unreadable = (path: string, error: unknown): ClientError =>
  new ClientError('PROFILE_UNREADABLE', `cannot read ${path}: ${fileWords(error)}`, {
    cause: error,
    hint: 'TELEPORT_HOME names another directory for logins',
  })

const unwritable = (path: string, error: unknown): ClientError =>
  new ClientError('PROFILE_UNWRITABLE', `cannot write to ${path}: ${fileWords(error)}`, {
    cause: error,
    hint: 'nothing was changed; TELEPORT_HOME names another directory for logins, and --out writes a file instead of one',
  })
