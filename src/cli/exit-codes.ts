/** What the commands' exit codes mean; `tctl help exit-codes` prints this table. */
export const exitCodes = {
  ok: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'the command failed; stderr says why' },
  usage: { code: 2, meaning: 'the command line was wrong; nothing was done' },
  denied: { code: 4, meaning: 'the auth service refused: not allowed, or not logged in' },
  interrupted: { code: 130, meaning: 'stopped by ctrl-c, or told to end' },
} as const
