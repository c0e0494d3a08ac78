import { printable } from '../../core/index.ts'
import { type TarEntry, TarManifest } from '../../recording/index.ts'
import { FILES_TOLD } from '../limits.ts'

/** Whether a command is one that `kubectl cp` runs: `tar xmf - -C /dir`, `tar cf - path`, `sh -c "tar cf - path | tail …"`. */
export function isTar(command: readonly string[]): boolean {
  const [program = '', flag, script = ''] = command
  const isShell = /^(.*\/)?(sh|bash|ash|dash)$/.test(program) && flag === '-c'
  return /^(\S*\/)?tar$/.test(isShell ? (script.trimStart().split(/\s/, 1)[0] ?? '') : program)
}

/** The files that go by in one direction, as words for the record. */
export class TarFiles {
  readonly #direction: 'in' | 'out'
  readonly #manifest = new TarManifest(FILES_TOLD)

  constructor(direction: 'in' | 'out') {
    this.#direction = direction
  }

  push(data: Buffer): void {
    this.#manifest.push(data)
  }

  /** Those that came since the last time. */
  news(): string[] {
    return this.#manifest.take().map((entry) => `copied ${this.#direction}: ${words(entry)}`)
  }

  /** What is left to tell at the end. */
  rest(): string[] {
    const { more } = this.#manifest
    return [
      ...this.news(),
      ...(more === 0 ? [] : [`copied ${this.#direction}: ${more} more files`]),
    ]
  }
}

const words = ({ kind, mode, size, path }: TarEntry): string =>
  `${kind} ${(mode & 0o7777).toString(8).padStart(4, '0')} ${size} bytes ${printable(path)}`
