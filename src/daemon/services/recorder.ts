import { join } from 'node:path'
import type { Clock, Logger } from '../../core/index.ts'
import type { SessionRecorder } from '../../forwarder/index.ts'
import { Recorder, type RecordingSettings, type RecordingTarget } from '../../recordings/index.ts'
import type { Metrics } from '../metrics.ts'

/** Opens the recorder of a kubernetes service; it is closed with `stack`, when the sessions are over. */
export async function openRecorder(
  stack: AsyncDisposableStack,
  options: {
    readonly dataDir: string
    readonly target: RecordingTarget
    readonly settings: () => RecordingSettings
    readonly metrics: Pick<Metrics, 'observeRecorder'>
    readonly clock: Clock
    readonly log: Logger
  },
): Promise<SessionRecorder> {
  const { dataDir, metrics, ...rest } = options
  const recorder = stack.use(
    await Recorder.open({ directory: join(dataDir, 'recordings-spool'), ...rest }),
  )
  metrics.observeRecorder(() => recorder.stats())
  return recorder
}
