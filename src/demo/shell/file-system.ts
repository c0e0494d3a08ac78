/** A few files in memory, for one session: whoever writes, writes for himself. */
export class FileSystem {
  readonly #files = new Map<string, Buffer>()
  readonly #directories = new Set<string>(['/'])

  constructor(files: Readonly<Record<string, string>>) {
    for (const [path, text] of Object.entries(files)) {
      this.#makeParents(path)
      this.#files.set(path, Buffer.from(text, 'utf8'))
    }
    for (const path of ['/bin', '/tmp', '/root', '/etc', '/dev']) this.#directories.add(path)
  }

  isDirectory(path: string): boolean {
    return this.#directories.has(path)
  }

  read(path: string): Buffer | null {
    if (path === '/dev/null') return Buffer.alloc(0)
    return this.#files.get(path) ?? null
  }

  /** What is wrong with writing there, in words; null when it was written. */
  write(path: string, data: Buffer, append: boolean): string | null {
    if (path === '/dev/null') return null
    if (this.isDirectory(path)) return 'Is a directory'
    if (!this.isDirectory(parentOf(path))) return 'No such file or directory'
    const before = append ? (this.#files.get(path) ?? Buffer.alloc(0)) : Buffer.alloc(0)
    const isNew = !this.#files.has(path)
    if (before.length + data.length > MAX_FILE_BYTES || (isNew && this.#files.size >= MAX_FILES)) {
      return 'No space left on device (demo)'
    }
    this.#files.set(path, Buffer.concat([before, data]))
    return null
  }

  remove(path: string): boolean {
    return this.#files.delete(path)
  }

  makeDirectory(path: string): string | null {
    if (this.isDirectory(path) || this.#files.has(path)) return 'File exists'
    if (!this.isDirectory(parentOf(path))) return 'No such file or directory'
    if (this.#directories.size >= MAX_FILES) return 'No space left on device (demo)'
    this.#directories.add(path)
    return null
  }

  /** Names in a directory, sorted; null when it is none. */
  list(path: string): string[] | null {
    if (!this.isDirectory(path)) return null
    const prefix = path === '/' ? '/' : `${path}/`
    const names = [...this.#files.keys(), ...this.#directories]
      .filter((other) => other.startsWith(prefix) && other !== path)
      .map((other) => other.slice(prefix.length))
      .filter((name) => name !== '' && !name.includes('/'))
    return [...new Set(names)].sort()
  }

  #makeParents(path: string): void {
    for (let at = parentOf(path); at !== '/'; at = parentOf(at)) this.#directories.add(at)
  }
}

const MAX_FILES = 100
const MAX_FILE_BYTES = 256 * 1024

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/'

/** An absolute path without `.`, `..` and double slashes. */
export function resolvePath(cwd: string, path: string): string {
  const steps: string[] = []
  for (const step of (path.startsWith('/') ? path : `${cwd}/${path}`).split('/')) {
    if (step === '..') steps.pop()
    else if (step !== '' && step !== '.') steps.push(step)
  }
  return `/${steps.join('/')}`
}
