import type { ComponentProps, JSX } from 'react'

/** The one thing to do on a page. A busy one stays where the focus is, and says so. */
export function Button({
  busy,
  onClick,
  children,
  ...rest
}: Pick<ComponentProps<'button'>, 'onClick' | 'children'> & {
  readonly type: 'submit' | 'button'
  readonly busy: boolean
}): JSX.Element {
  return (
    <button
      {...rest}
      aria-disabled={busy}
      onClick={busy ? undefined : onClick}
      className="inline-flex min-h-11 shrink-0 cursor-pointer items-center justify-center rounded-lg bg-accent px-6 py-2.5 text-base font-semibold text-on-accent hover:bg-accent-strong aria-disabled:cursor-progress aria-disabled:opacity-70 motion-safe:transition-colors"
    >
      {children}
    </button>
  )
}
