import type { JSX } from 'react'

const RADII = [60, 100, 140, 180, 220] as const

/** Rings of the mark, large and faint, behind everything. */
export function Rings({ className }: { readonly className?: string }): JSX.Element {
  return (
    <svg viewBox="0 0 480 480" fill="none" aria-hidden="true" className={className}>
      {RADII.map((radius) => (
        <circle key={radius} cx="240" cy="240" r={radius} stroke="currentColor" strokeWidth="1" />
      ))}
    </svg>
  )
}
