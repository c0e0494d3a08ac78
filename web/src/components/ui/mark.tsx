import type { JSX } from 'react'

/** The mark: a ring that is open, and the way in. The same drawing is public/mark.svg. */
export function Mark({ className }: { readonly className?: string }): JSX.Element {
  return (
    <svg viewBox="0 0 32 32" fill="none" aria-hidden="true" className={className}>
      <g stroke="currentColor" strokeWidth="3" strokeLinecap="round">
        <path d="M21.5 6.5a11 11 0 1 0 0 19" />
        <path d="M14.5 16H29" />
      </g>
      <circle cx="14.5" cy="16" r="3.25" fill="currentColor" />
    </svg>
  )
}
