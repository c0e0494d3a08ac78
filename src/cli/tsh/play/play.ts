import { durationFlag } from '../../duration-flag.ts'
import { CliError } from '../../errors.ts'
import type { TshContext } from '../context.ts'
import type { AgeFlags } from '../recordings/age-flag.ts'
import { withRecording } from '../recordings/open-recording.ts'
import { writeRecording } from '../recordings/write.ts'
import { SKIPPED_IDLE_MS } from './limits.ts'
import { MAX_SPEED, MIN_SPEED } from './state.ts'

export interface PlayFlags extends AgeFlags {
  readonly format: 'pty' | 'text' | 'json' | 'cast'
  readonly speed: string
  readonly skipIdleTime?: boolean
  readonly maxIdle?: string
}

/** `tsh play` */
export async function play(context: TshContext, what: string, flags: PlayFlags): Promise<void> {
  const { io } = context.world
  const speed = parseSpeed(flags.speed)
  const idleLimitMs = parseIdle(flags)
  const { format } = flags
  const reading = { identityFiles: flags.ageIdentity ?? [], keep: format === 'pty' }
  await withRecording(context, what, reading, async (recording) => {
    if (format !== 'pty') {
      await writeRecording(io, recording, format, null)
      return
    }
    // The terminal in memory takes longer to load than everything else.
    const { watchRecording } = await import('./watch.ts')
    await watchRecording(io, recording, { speed, idleLimitMs })
  })
}

function parseSpeed(text: string): number {
  const speed = Number(text.replace(/x$/, ''))
  if (speed >= MIN_SPEED && speed <= MAX_SPEED) return speed
  throw new CliError('USAGE', `--speed=${text} is not between ${MIN_SPEED} and ${MAX_SPEED}`)
}

function parseIdle({ maxIdle, skipIdleTime }: PlayFlags): number | null {
  if (maxIdle !== undefined) return Math.max(1, durationFlag('--max-idle', maxIdle))
  return skipIdleTime === true ? SKIPPED_IDLE_MS : null
}
