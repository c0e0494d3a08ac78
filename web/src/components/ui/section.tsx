import { type JSX, type ReactNode, useId } from 'react'

/** A part of a form under its own heading; numbered where the parts are steps. */
export function Section({
  title,
  number,
  className = '',
  children,
}: {
  readonly title: string
  readonly number: number | null
  readonly className?: string
  readonly children: ReactNode
}): JSX.Element {
  const id = useId()
  return (
    <section
      aria-labelledby={id}
      className={`flex flex-col gap-5 px-5 py-6 sm:px-8 sm:py-8 ${className}`}
    >
      <h2 id={id} className="flex items-center gap-3 text-lg font-semibold tracking-tight">
        {number === null ? null : (
          <span className="grid size-7 shrink-0 place-items-center rounded-full bg-tint text-sm text-accent">
            {number}
          </span>
        )}
        {title}
      </h2>
      {children}
    </section>
  )
}
