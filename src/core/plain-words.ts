import { errorMessage } from './errors.ts'

/** What went wrong with a file, without Node's code, call and path: `no such file or directory`. Whoever says it names the file. */
export function fileWords(error: unknown): string {
  const message = errorMessage(error)
  const [, words] = /^E[A-Z0-9]+: (.+?), [a-z]+(?: '.*')?$/s.exec(message) ?? []
  return words ?? message
}

/** What went wrong with TLS: OpenSSL's words without its file names and numbers, and without Node's advice to trust whatever the machine trusts. */
export function tlsWords(error: unknown): string {
  const message = errorMessage(error)
  const [, reason] = /:SSL routines:[^:]*:([^:]+):/.exec(message) ?? []
  return reason ?? message.split(';')[0] ?? message
}
