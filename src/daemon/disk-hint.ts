import { errorCode } from '../core/index.ts'

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on the disk of teleport.data_dir',
  EDQUOT: 'make room within the quota of the user who runs this, on the disk of teleport.data_dir',
  EROFS: 'teleport.data_dir must be where it can be written',
  EACCES: 'teleport.data_dir and all that is in it must belong to the user who runs this',
  EPERM: 'teleport.data_dir and all that is in it must belong to the user who runs this',
}

/** What somebody may do about a system's error at the start, whose words name no next step and often no file; null for others. */
export const diskHint = (error: unknown): string | null => HINTS[errorCode(error) ?? ''] ?? null
