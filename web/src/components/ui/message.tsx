import { type JSX, type ReactNode, useEffect, useRef } from 'react'
import { usePageTitle } from '../../lib/use-page-title.ts'

type Kind = 'good' | 'bad' | 'quiet' | 'plain'

/** A page that says one thing. It takes the focus, so that who does not see it hears what it came to. */
export function Message({
  title,
  kind,
  children,
}: {
  readonly title: string
  readonly kind: Kind
  readonly children: ReactNode
}): JSX.Element {
  usePageTitle(title)
  const heading = useRef<HTMLHeadingElement>(null)
  const answers = kind === 'good' || kind === 'bad'
  useEffect(() => {
    if (answers) heading.current?.focus()
  }, [answers])
  return (
    <article className="mx-auto flex w-full max-w-xl motion-safe:animate-arrive flex-col gap-4 rounded-2xl border border-line bg-surface px-5 py-7 text-base/7 text-soft shadow-sm sm:px-9 sm:py-9">
      {SIGNS[kind]}
      <h1
        ref={heading}
        tabIndex={-1}
        className="text-2xl font-semibold tracking-tight text-balance text-ink wrap-anywhere sm:text-3xl"
      >
        {title}
      </h1>
      {children}
    </article>
  )
}

const sign = (colours: string, path: string): JSX.Element => (
  <span className={`grid size-12 place-items-center rounded-full ${colours}`}>
    <svg viewBox="0 0 24 24" fill="none" aria-hidden="true" className="size-7">
      <path
        d={path}
        stroke="currentColor"
        strokeWidth="2.25"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  </span>
)

const SIGNS: Readonly<Record<Kind, JSX.Element | null>> = {
  good: sign('bg-tint text-accent', 'm5 12.5 4.5 4.5L19 7'),
  bad: sign('bg-bad-tint text-bad', 'M12 6v7M12 17.5v.01'),
  quiet: sign('bg-sunken text-soft', 'M9 9.5a3 3 0 1 1 4.2 2.75c-.8.4-1.2 1-1.2 2M12 18v.01'),
  plain: null,
}
