import type { JSX } from 'react'

/** A place for bad news. It is there before the news, or screen readers would not read it. */
export function Alert({ children }: { readonly children: string | null }): JSX.Element {
  return (
    <div role="alert" className="grow empty:hidden">
      {children === null ? null : (
        <p className="rounded-lg border border-bad/40 bg-bad-tint px-4 py-2.5 text-sm/6 text-bad">
          {children}
        </p>
      )}
    </div>
  )
}
