/** A signal that aborts with others, for as long as it is kept. */
export interface Following extends Disposable {
  readonly signal: AbortSignal
}

/**
 * Aborts as soon as one of them does, with its reason, until it is disposed; then nothing is left of it at the others.
 *
 * What `AbortSignal.any` makes is for what is made once. Made anew with each request, of a signal that is itself made of an
 * `AbortSignal.timeout`, Node 24 keeps it for as long as the process lives.
 */
export function followSignals(signals: readonly AbortSignal[]): Following {
  const controller = new AbortController()
  const letGo = (): void => {
    for (const signal of signals) signal.removeEventListener('abort', onAbort)
  }
  const onAbort = (): void => {
    letGo()
    controller.abort(signals.find(({ aborted }) => aborted)?.reason)
  }
  for (const signal of signals) signal.addEventListener('abort', onAbort)
  if (signals.some(({ aborted }) => aborted)) onAbort()
  return { signal: controller.signal, [Symbol.dispose]: letGo }
}
