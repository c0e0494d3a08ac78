import type { TshContext } from '../context.ts'
import type { AgeFlags } from './age-flag.ts'
import { withRecording } from './open-recording.ts'
import { type ExportFormat, writeRecording } from './write.ts'

export interface ExportFlags extends AgeFlags {
  readonly format: ExportFormat
  readonly out?: string
  readonly overwrite?: boolean
}

/** `tsh recordings export` */
export async function exportRecording(
  context: TshContext,
  what: string,
  flags: ExportFlags,
): Promise<void> {
  const { format, out, overwrite = false } = flags
  const reading = { identityFiles: flags.ageIdentity ?? [], keep: false }
  await withRecording(context, what, reading, (recording) =>
    writeRecording(
      context.world.io,
      recording,
      format,
      out === undefined ? null : { path: out, overwrite },
    ),
  )
}
