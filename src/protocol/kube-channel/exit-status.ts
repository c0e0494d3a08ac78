/** How a command in a container ended. */
export type ExitStatus =
  | { readonly kind: 'exited'; readonly exitCode: number }
  /** It could not be run, or was lost. */
  | { readonly kind: 'failed'; readonly message: string }

/** The `metav1.Status` that ends a v4 or v5 session, on the error channel or stream. */
export function formatExitStatus(status: ExitStatus): string {
  if (status.kind === 'failed') {
    return JSON.stringify({
      metadata: {},
      status: 'Failure',
      message: status.message,
      reason: 'InternalError',
      code: 500,
    })
  }
  if (status.exitCode === 0) return JSON.stringify({ metadata: {}, status: 'Success' })
  return JSON.stringify({
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: command terminated with exit code ${status.exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(status.exitCode) }] },
  })
}

/** The other way. Null for what is no Status, or one that does not say how the command ended. */
export function parseExitStatus(text: string): ExitStatus | null {
  const status = parseJson(text)
  if (status === null) return null
  if (status['status'] === 'Success') return { kind: 'exited', exitCode: 0 }
  if (status['status'] !== 'Failure') return null
  const { message, reason, details } = status
  if (reason === 'NonZeroExitCode') {
    const code = exitCodeIn(details)
    if (code !== null) return { kind: 'exited', exitCode: code }
  }
  return typeof message === 'string' ? { kind: 'failed', message } : null
}

function exitCodeIn(details: unknown): number | null {
  const causes = isRecord(details) ? details['causes'] : null
  if (!Array.isArray(causes)) return null
  for (const cause of causes as unknown[]) {
    if (!isRecord(cause) || cause['reason'] !== 'ExitCode') continue
    const { message } = cause
    if (typeof message === 'string' && /^\d{1,10}$/.test(message)) return Number(message)
  }
  return null
}

function parseJson(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
