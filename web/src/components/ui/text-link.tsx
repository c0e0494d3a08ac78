import type { JSX } from 'react'

export const TextLink = ({
  href,
  children,
}: {
  readonly href: string
  readonly children: string
}): JSX.Element => (
  <a
    href={href}
    className="rounded-sm font-medium text-accent underline decoration-1 underline-offset-3 hover:text-accent-strong"
  >
    {children}
  </a>
)
