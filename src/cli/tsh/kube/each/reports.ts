import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { AccessibleCluster } from '../../../../client/index.ts'
import { printable } from '../../../format.ts'
import { type Io, print, say } from '../../../io.ts'
import { LinePrefixer } from './line-prefixer.ts'
import type { Outcome } from './outcome.ts'

/** Of what one program writes, where it is kept until the end; beyond it is cut, and said. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024
/** Of what all of them write, where machines read it: one text is made of it, and Node has none above half a gigabyte. */
const MAX_ALL_KEPT_BYTES = 256 * 1024 * 1024
/** Names beyond this make prefixes wider than what they stand before. */
const MAX_PREFIX_CHARS = 40

/** Where the output of one run goes. */
export interface Report {
  stdout(chunk: Buffer): Promise<void>
  stderr(chunk: Buffer): Promise<void>
  /** Gives what a machine reads of it. */
  end(outcome: Outcome): Promise<object>
}
export type ReportOf = (cluster: AccessibleCluster) => Report

/** Lines as they come, each with the name of its cluster. */
export function streamed(io: Io, clusters: readonly AccessibleCluster[]): ReportOf {
  const names = clusters.map(({ name }) => shortened(printable(name)).length)
  const width = Math.max(...names)
  const reporter = (
    to: Writable,
    name: string,
  ): { push(chunk: Buffer): Promise<void>; end(): Promise<void> } => {
    const prefixer = new LinePrefixer(`${shortened(printable(name)).padEnd(width)} | `)
    return {
      push: (chunk) => write(to, prefixer.push(chunk)),
      end: () => write(to, prefixer.end()),
    }
  }
  return ({ name }) => {
    const [stdout, stderr] = [reporter(io.stdout, name), reporter(io.stderr, name)]
    return {
      stdout: (chunk) => stdout.push(chunk),
      stderr: (chunk) => stderr.push(chunk),
      async end() {
        await stdout.end()
        await stderr.end()
        return {}
      },
    }
  }
}

const shortened = (name: string): string =>
  name.length <= MAX_PREFIX_CHARS ? name : `${name.slice(0, MAX_PREFIX_CHARS - 1)}…`

/** All of one cluster in one piece, when it has ended. */
export function grouped(io: Io): ReportOf {
  return ({ name }) => {
    const [stdout, stderr] = [new Kept(), new Kept()]
    return {
      stdout: (chunk) => stdout.push(chunk),
      stderr: (chunk) => stderr.push(chunk),
      async end() {
        if (stdout.isEmpty && stderr.isEmpty) return {}
        print(io, `== ${printable(name)}`)
        await write(io.stdout, stdout.bytes)
        await write(io.stderr, stderr.bytes)
        if (stdout.isCut || stderr.isCut) say(io, `tsh: ${printable(name)}: ${CUT}`)
        return {}
      },
    }
  }
}

const CUT = `only the first ${MAX_KEPT_BYTES / 1024 / 1024} MB were kept: without --group all is shown`

/** For machines: nothing is shown before the end. */
export function kept(): ReportOf {
  const all = { left: MAX_ALL_KEPT_BYTES }
  return ({ name }) => {
    const [stdout, stderr] = [new Kept(all), new Kept(all)]
    return {
      stdout: (chunk) => stdout.push(chunk),
      stderr: (chunk) => stderr.push(chunk),
      end: async (outcome) => ({
        kube_cluster_name: name,
        outcome: outcome.kind,
        exit_code: outcome.kind === 'ran' ? outcome.exitCode : null,
        duration_ms: outcome.kind === 'ran' ? outcome.ms : null,
        stdout: stdout.bytes.toString('utf8'),
        stderr: stderr.bytes.toString('utf8'),
        cut: stdout.isCut || stderr.isCut,
      }),
    }
  }
}

class Kept {
  readonly #all: { left: number }
  readonly #chunks: Buffer[] = []
  #length = 0
  isCut = false

  /** `all`: bytes that this and others may keep together. */
  constructor(all = { left: Number.POSITIVE_INFINITY }) {
    this.#all = all
  }

  get isEmpty(): boolean {
    return this.#length === 0
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  async push(chunk: Buffer): Promise<void> {
    const room = Math.min(MAX_KEPT_BYTES - this.#length, this.#all.left)
    if (chunk.length > room) this.isCut = true
    const piece = chunk.subarray(0, room)
    this.#chunks.push(piece)
    this.#length += piece.length
    this.#all.left -= piece.length
  }
}

async function write(to: Writable, bytes: Buffer): Promise<void> {
  if (bytes.length > 0 && !to.write(bytes) && !to.destroyed) await once(to, 'drain')
}
