import type { JSX } from 'react'
import { Mark } from './mark.tsx'

/** It appears late: who waits for a moment only sees nothing flash. */
export const Loading = ({ children }: { readonly children: string }): JSX.Element => (
  <div
    role="status"
    className="flex motion-safe:animate-late flex-col items-center gap-4 py-16 text-soft"
  >
    <Mark className="size-12 text-accent motion-safe:animate-breathe" />
    {children}
  </div>
)
