import type { Logger } from '../core/index.ts'
import type { TeleportConfig } from './config/index.ts'

/** What is told when everything serves. */
export interface Started {
  readonly clusterName: string
  readonly kubeClusters: readonly string[]
  readonly authPort: number | null
  readonly webPort: number | null
  readonly kubePort: number | null
  readonly diagPort: number | null
}

/** What a daemon runs with. */
export interface RunOptions {
  readonly config: TeleportConfig
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
  readonly signal: AbortSignal
  readonly onStarted?: (started: Started) => void | Promise<void>
  /** Whoever calls has locked the data directory already. */
  readonly isDirectoryLocked?: boolean
}
