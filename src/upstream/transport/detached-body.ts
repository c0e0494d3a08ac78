import { Readable } from 'node:stream'
import { upstreamFailure } from '../errors.ts'

/**
 * A view of a request body that can be destroyed without destroying the body: HTTP clients destroy what they send when the
 * response comes early, and destroying a server's request would cut the very connection that the response has to go out on.
 * Back-pressure passes through; the body's failure becomes ABORTED.
 */
export function detachedBody(source: Readable): Readable {
  let started = false
  let ended = false
  const onData = (chunk: Buffer): void => {
    if (!view.push(chunk)) source.pause()
  }
  const onEnd = (): void => {
    ended = true
    view.push(null)
  }
  const onError = (error: unknown): void => {
    view.destroy(upstreamFailure('ABORTED', 'the request body broke off', error))
  }
  const onClose = (): void => {
    if (!ended) onError(new Error('closed before its end'))
  }
  const view = new Readable({
    highWaterMark: 64 * 1024,
    read() {
      if (!started) {
        started = true
        source.on('data', onData)
      }
      source.resume()
    },
    destroy(error, callback) {
      source.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose)
      if (!ended) source.pause()
      callback(error)
    },
  })
  source.on('end', onEnd).on('error', onError).on('close', onClose)
  if (source.readableEnded) onEnd()
  else if (source.destroyed) queueMicrotask(onClose)
  return view
}
