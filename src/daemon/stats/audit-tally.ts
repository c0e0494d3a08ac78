import type { AuditEvent, AuditLog } from '../../audit/index.ts'

/** Counts of the management API and of logins, read from the events that are written about them. */
export class AuditTally {
  readonly refusals = new Map<string, number>()
  loginsOk = 0
  loginsFailed = 0

  /** The same log; what was written is counted. */
  counting(audit: AuditLog): AuditLog {
    return {
      append: async (event) => {
        await audit.append(event)
        this.#count(event)
      },
    }
  }

  #count(event: AuditEvent): void {
    // Many of one stranger may stand in one event.
    const times = numberOf(event, 'repeated') ?? 1
    if (event.event === 'auth') {
      const code = 'error_code' in event ? String(event['error_code']) : 'ACCESS_DENIED'
      this.refusals.set(code, (this.refusals.get(code) ?? 0) + times)
    } else if (event.event === 'user.login') {
      if ('success' in event && event['success'] === true) this.loginsOk += times
      else this.loginsFailed += times
    }
  }
}

function numberOf(event: AuditEvent, field: string): number | null {
  const value = (event as Readonly<Record<string, unknown>>)[field]
  return typeof value === 'number' ? value : null
}
