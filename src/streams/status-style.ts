/** What stands on the error stream at the end: `metav1.Status` in JSON (v4, v5), or words and nothing for success (before). */
export type StatusStyle = 'json' | 'words'

/** The bytes for the error stream; empty when there is nothing to be said. */
export function statusText(style: StatusStyle, status: string): Buffer {
  if (style === 'json') return Buffer.from(status, 'utf8')
  return Buffer.from(messageOf(status), 'utf8')
}

/** kubelet writes the error's words for old clients (cri-streaming: `v1WriteStatusFunc`). */
function messageOf(status: string): string {
  try {
    const { status: outcome, message } = JSON.parse(status) as {
      status?: unknown
      message?: unknown
    }
    if (outcome === 'Success') return ''
    return typeof message === 'string' ? message : 'the command failed'
  } catch {
    return status
  }
}

/** Whether a Status that comes in pieces is there. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
