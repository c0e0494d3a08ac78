import { join } from 'node:path'
import { errorCode } from '../../core/index.ts'
import {
  RecordDecoder,
  RecordEncoder,
  RecordError,
  type RecordFrame,
} from '../../recording/index.ts'
import type { RecordingEnd } from '../store/types.ts'
import type { SpoolAccount } from './account.ts'
import type { SpoolDisk } from './disk.ts'
import { encodeEnd, parseEnd } from './end-file.ts'
import { type OpenHead, parseOpenFile } from './open-file.ts'
import { packPart } from './pack-part.ts'
import {
  chunkName,
  END_NAME,
  openName,
  type SpooledSession,
  sessionFiles,
} from './session-directory.ts'

/** The reason of an end that nobody saw. */
const CUT = 'cut'

/**
 * Completes what somebody left in the spool who died amid it, or for whom the disk was full: everything that is whole stays, a torn
 * end is cut off, and the record says that it was. Null: there is nothing in it that was ever acknowledged. Rejects with RecordError
 * for what cannot be read, and with the file system's error when it cannot be completed now; either leaves it as it is.
 */
export async function finishLeftover(
  id: string,
  directory: string,
  how: { readonly disk: SpoolDisk; readonly account: SpoolAccount; readonly why: string },
): Promise<SpooledSession | null> {
  const { disk, account } = how
  const path = (name: string): string => join(directory, name)
  const files = sessionFiles(await disk.list(directory).catch(nothingWhereGone))

  if (files.hasEnd) {
    const ended = parseEnd(await disk.read(path(END_NAME)))
    if (ended === null || ended.facts.sessionId !== id) throw unreadable('how it ended')
    for (const index of files.open) await drop(openName(index))
    const { end, ...head } = ended
    account.belongs(id, head.facts.user)
    return { id, directory, head, chunks: await sized(files.chunks), end, held: null }
  }

  const found = await openPart(files.open)
  if (found === null) {
    // A part that was never begun is the first one: then nothing was acknowledged.
    if (files.chunks.length > 0 || files.open.some((index) => index > 0)) {
      throw unreadable('its open part')
    }
    return null
  }
  const { last, open } = found
  // One that was made of the open part and does not count yet: nobody has it, and it is made anew.
  if (files.chunks.includes(last)) await drop(chunkName(last))
  const { head } = open
  if (head.facts.sessionId !== id || head.index !== last) throw unreadable('its open part')

  const { modifiedMs } = await disk.facts(path(openName(last)))
  const { record, ended } = completed(head, open.record, modifiedMs, how.why)
  const { chunk, chain } = await packPart({ ...head, record })
  const end: RecordingEnd = {
    chunks: last + 1,
    bytes: head.bytes + record.length,
    sha256: chain.toString('hex'),
    endedMs: head.facts.startedMs + ended.atMs,
    exitCode: ended.exitCode,
    reason: ended.reason,
    cut: ended.isCut,
  }
  const { facts, recipients } = head
  account.belongs(id, facts.user)
  await disk.write(path(chunkName(last)), chunk)
  await disk.write(path(END_NAME), encodeEnd({ facts, recipients, end }))
  await drop(openName(last))
  const before = files.chunks.filter((index) => index !== last)
  const chunks = await sized([...before, last])
  return { id, directory, head: { facts, recipients }, chunks, end, held: null }

  /** The last part that was begun; those that were made into chunks already are removed, and one that only has a name. */
  async function openPart(
    indexes: readonly number[],
  ): Promise<{ last: number; open: NonNullable<ReturnType<typeof parseOpenFile>> } | null> {
    const [last, ...older] = [...indexes].reverse()
    if (last === undefined) return null
    const open = parseOpenFile(await disk.read(path(openName(last))))
    if (open !== null) {
      for (const index of older) await drop(openName(index))
      return { last, open }
    }
    if (older.length === 0) return null
    await drop(openName(last))
    return openPart(older.reverse())
  }

  async function drop(name: string): Promise<void> {
    await disk.unlink(path(name)).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw error
    })
  }

  async function sized(indexes: readonly number[]): Promise<SpooledSession['chunks']> {
    const chunks: SpooledSession['chunks'] = []
    for (const index of indexes) {
      chunks.push({ index, size: (await disk.facts(path(chunkName(index)))).size })
    }
    account.set(
      id,
      chunks.reduce((sum, { size }) => sum + size, 0),
    )
    return chunks
  }
}

function nothingWhereGone(error: unknown): string[] {
  if (errorCode(error) === 'ENOENT') return []
  throw error
}

interface Ended {
  readonly atMs: number
  readonly exitCode: number | null
  readonly reason: string
  readonly isCut: boolean
}

/** The frames that are whole, a marker and an end, sealed. */
function completed(
  { facts, place }: OpenHead,
  bytes: Buffer,
  modifiedMs: number,
  why: string,
): { readonly record: Buffer; readonly ended: Ended } {
  const decoder = new RecordDecoder(place)
  let last: RecordFrame | null = null
  try {
    for (const frame of decoder.frames(bytes)) last = frame
  } catch (error) {
    // What came before is good.
    if (!(error instanceof RecordError)) throw error
  }
  const good = bytes.subarray(0, decoder.goodBytes)
  if (last?.kind === 'end') {
    const { exitCode, reason, atMs } = last
    const seal = decoder.isWhole ? [] : [decoder.sealNow()]
    return {
      record: Buffer.concat([good, ...seal]),
      ended: { atMs, exitCode, reason, isCut: false },
    }
  }
  const behind = decoder.place()
  const encoder = new RecordEncoder(behind?.place ?? place)
  const begin: Buffer[] =
    place.isBeginning && behind === null ? [encoder.frame({ kind: 'begin', atMs: 0, facts })] : []
  const atMs = Math.max(behind?.place.atMs ?? place.atMs, modifiedMs - facts.startedMs, 0)
  const record = Buffer.concat([
    ...(begin.length > 0 ? [] : [good, behind?.seal ?? Buffer.alloc(0)]),
    ...begin,
    encoder.frame({ kind: 'marker', atMs, label: why }),
    encoder.frame({ kind: 'end', atMs, exitCode: null, reason: CUT }),
    encoder.seal(),
  ])
  return { record, ended: { atMs, exitCode: null, reason: CUT, isCut: true } }
}

const unreadable = (what: string): RecordError =>
  new RecordError('RECORD_MALFORMED', `${what} cannot be read`)
