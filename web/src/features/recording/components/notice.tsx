import type { JSX } from 'react'

/** Something to know before one goes on. */
export const Notice = ({ words }: { readonly words: string }): JSX.Element => (
  <p
    role="note"
    className="flex gap-3 rounded-xl border border-warn/40 bg-warn-tint px-4 py-3 text-sm/6 text-warn"
  >
    <svg viewBox="0 0 24 24" fill="none" aria-hidden="true" className="size-6 shrink-0">
      <path
        d="M12 8.5v4.5M12 16.5v.01M10.6 4.3 2.8 17.5a1.6 1.6 0 0 0 1.4 2.5h15.6a1.6 1.6 0 0 0 1.4-2.5L13.4 4.3a1.6 1.6 0 0 0-2.8 0Z"
        stroke="currentColor"
        strokeWidth="1.75"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
    <span className="wrap-anywhere">{words}</span>
  </p>
)
