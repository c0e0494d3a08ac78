import type { JSX, ReactNode } from 'react'
import { Mark } from './ui/mark.tsx'
import { Rings } from './ui/rings.tsx'

/** What every page stands in: the name, the content, and the address that it all came from. */
export function Shell({ children }: { readonly children: ReactNode }): JSX.Element {
  return (
    <div className="relative isolate flex min-h-dvh flex-col overflow-x-clip">
      <Rings className="pointer-events-none absolute -top-104 -right-104 -z-10 size-176 sm:-top-80 sm:-right-80 text-accent opacity-15" />
      <header className="px-5 py-5 sm:px-10 sm:py-7">
        <a
          href="/"
          className="inline-flex items-center gap-2.5 rounded-md text-lg font-semibold tracking-tight text-ink"
        >
          <Mark className="size-8 text-accent" />
          Teleport
        </a>
      </header>
      <main className="flex grow flex-col justify-center px-5 pt-4 pb-12 sm:px-10">{children}</main>
      <footer className="px-5 pb-6 text-center text-sm/6 text-soft sm:px-10">
        You are at{' '}
        <span className="font-medium text-ink wrap-anywhere">{window.location.host}</span>. Go on
        only if that is the address you were given.
      </footer>
    </div>
  )
}
