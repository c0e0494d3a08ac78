import type { JSX, ReactNode } from 'react'

/** What is asked for, and what of it is there already. */
export const Rules = ({
  id,
  children,
}: {
  readonly id: string
  readonly children: ReactNode
}): JSX.Element => (
  <ul id={id} className="flex flex-col gap-2 text-sm/6 text-soft">
    {children}
  </ul>
)

/** `met` is null for what cannot be known here. */
export function Rule({
  met,
  children,
}: {
  readonly met: boolean | null
  readonly children: ReactNode
}): JSX.Element {
  return (
    <li className={`flex gap-2.5 ${met === true ? 'text-accent' : ''}`}>
      <svg viewBox="0 0 16 16" fill="none" aria-hidden="true" className="mt-1 size-4 shrink-0">
        <g stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round">
          {met === true ? <path d="m3.5 8.5 3 3 6-7" /> : null}
          {met === false ? <circle cx="8" cy="8" r="6" /> : null}
          {met === null ? <path d="M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0M8 7.5V11M8 5v.01" /> : null}
        </g>
      </svg>
      <span>
        {children}
        {met === true ? <span className="sr-only"> (done)</span> : null}
      </span>
    </li>
  )
}
