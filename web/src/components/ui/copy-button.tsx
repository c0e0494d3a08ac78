import { type JSX, useEffect, useState } from 'react'

const SHOWN_MS = 2500

/** Puts a text into the clipboard, and says whether that worked. */
export function CopyButton({
  text,
  what,
}: {
  readonly text: string
  /** Names it for those who do not see what it stands beside. */
  readonly what: string
}): JSX.Element {
  const [outcome, setOutcome] = useState<'copied' | 'failed' | null>(null)
  useEffect(() => {
    if (outcome === null) return
    const timer = setTimeout(() => setOutcome(null), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [outcome])
  const copy = (): void => {
    // Browsers refuse it without TLS and by policy; the text can be selected then.
    const written =
      navigator.clipboard?.writeText(text) ?? Promise.reject(new Error('no clipboard'))
    written.then(
      () => setOutcome('copied'),
      () => setOutcome('failed'),
    )
  }
  return (
    <>
      <button
        type="button"
        onClick={copy}
        className="min-h-9 min-w-18 shrink-0 cursor-pointer rounded-md px-2.5 text-sm font-medium text-accent hover:bg-tint"
      >
        {outcome === null ? 'Copy' : outcome === 'copied' ? 'Copied' : 'Not copied'}
        <span className="sr-only"> the {what}</span>
      </button>
      <span role="status" className="sr-only">
        {outcome === null ? '' : outcome === 'copied' ? 'Copied' : 'Could not copy'}
      </span>
    </>
  )
}
