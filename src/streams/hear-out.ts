import type { Duplex } from 'node:stream'
import { errorCode } from '../core/index.ts'

type Done = (error?: Error | null) => void

/** What the kernel says of a peer that takes nothing any more (connect(2), write(2)). */
const GONE: ReadonlySet<string | null> = new Set(['EPIPE', 'ECONNRESET'])

/**
 * Hears a connection to its end although its peer takes nothing any more. An API server whose command is over closes with input unread, and the next write
 * meets a reset; Node would close on that, and throw away what had come before: the last output and the exit status, of any command that does not read all that it
 * is given. What is written from then on goes nowhere, and reading says how the connection ended.
 */
export function hearOut(connection: Duplex): void {
  let isGone = false
  const judged =
    (done: Done): Done =>
    (error) => {
      if (error === undefined || error === null || !GONE.has(errorCode(error))) {
        done(error)
        return
      }
      isGone = true
      done()
    }
  const write = connection._write.bind(connection)
  connection._write = (chunk, encoding, done) => {
    if (isGone) done()
    else write(chunk, encoding, judged(done))
  }
  const writev = connection._writev?.bind(connection)
  if (writev === undefined) return
  connection._writev = (chunks, done) => {
    if (isGone) done()
    else writev(chunks, judged(done))
  }
}
