import { join } from 'node:path'
import type { EndFile } from './end-file.ts'

/** The names of what lies in the spool of one session. */
export const openName = (index: number): string => `${digits(index)}.open`
export const chunkName = (index: number): string => `${digits(index)}.chunk`
export const END_NAME = 'end.json'

const digits = (index: number): string => String(index).padStart(6, '0')
const NAME = /^(\d{6})\.(open|chunk)$/

/** What lies in the directory of a session. */
export interface SessionFiles {
  /** Numbers, in order. */
  readonly open: readonly number[]
  readonly chunks: readonly number[]
  readonly hasEnd: boolean
}

export function sessionFiles(names: readonly string[]): SessionFiles {
  const of = (kind: string): number[] =>
    names
      .flatMap((name) => {
        const [, index, found] = NAME.exec(name) ?? []
        return found === kind ? [Number(index)] : []
      })
      .sort((a, b) => a - b)
  return { open: of('open'), chunks: of('chunk'), hasEnd: names.includes(END_NAME) }
}

/** One session in the spool, as those see it who deliver it. */
export interface SpooledSession {
  readonly id: string
  readonly directory: string
  readonly head: { readonly facts: EndFile['facts']; readonly recipients: readonly string[] }
  /** Chunks that are there and not delivered yet, in order, with their sizes. */
  readonly chunks: { readonly index: number; readonly size: number }[]
  /** Null while it goes on. */
  end: EndFile['end'] | null
  /** The one chunk of a session that has ended, while it is in no file. */
  held: HeldChunk | null
}

/** What it was made of lies in the spool: whoever finds that makes it again. */
export interface HeldChunk {
  readonly chunk: Buffer
  /** Lets go of the spool's files: it is delivered. */
  drop(): Promise<void>
  /** Writes it to where chunks wait, and its end beside it: it cannot be delivered now. Rejects with the file system's error. */
  keep(): Promise<void>
}

export const pathIn = ({ directory }: Pick<SpooledSession, 'directory'>, name: string): string =>
  join(directory, name)
