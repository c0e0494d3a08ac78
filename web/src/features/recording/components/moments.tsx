import type { JSX } from 'react'
import { formatClock } from '../../../lib/format.ts'
import { type Moment, plainWords } from '../parse-cast.ts'

/** What happened beside the output: errors, markers, what was not kept. Each leads to its place. */
export function Moments({
  moments,
  onSeek,
}: {
  readonly moments: readonly Moment[]
  /** Null where there is no player. */
  readonly onSeek: ((playedMs: number) => void) | null
}): JSX.Element | null {
  if (moments.length === 0) return null
  return (
    <section
      aria-labelledby="moments"
      className="rounded-2xl border border-line bg-surface px-5 py-6 shadow-sm sm:px-8"
    >
      <h2 id="moments" className="text-lg font-semibold tracking-tight">
        What happened
      </h2>
      <ol className="mt-3 flex flex-col">
        {moments.map((moment, index) => (
          <li
            // biome-ignore lint/suspicious/noArrayIndexKey: the moments of a recording never move
            key={index}
            className="flex items-baseline gap-3 border-t border-line py-2 first:border-t-0"
          >
            <Time moment={moment} onSeek={onSeek} />
            <span
              className={`w-14 shrink-0 text-sm/6 ${moment.kind === 'stderr' ? 'text-bad' : 'text-soft'}`}
            >
              {moment.kind === 'stderr' ? 'stderr' : 'note'}
            </span>
            <span
              className={`min-w-0 text-sm/6 whitespace-pre-wrap wrap-anywhere ${moment.kind === 'stderr' ? 'font-mono' : ''}`}
            >
              {plainWords(moment.text)}
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}

function Time({
  moment,
  onSeek,
}: {
  readonly moment: Moment
  readonly onSeek: ((playedMs: number) => void) | null
}): JSX.Element {
  const text = formatClock(moment.atMs)
  if (onSeek === null) return <span className="font-mono text-sm/6 text-soft">{text}</span>
  return (
    <button
      type="button"
      onClick={() => onSeek(moment.playedMs)}
      className="shrink-0 cursor-pointer rounded-sm font-mono text-sm/6 font-medium text-accent underline decoration-1 underline-offset-3 hover:text-accent-strong"
    >
      <span className="sr-only">Go to </span>
      {text}
    </button>
  )
}
