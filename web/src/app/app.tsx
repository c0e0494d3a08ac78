import type { JSX } from 'react'
import { Shell } from '../components/shell.tsx'
import { HomePage } from '../features/home/home-page.tsx'
import { BrokenLink } from '../features/invite/components/broken-link.tsx'
import { InvitePage } from '../features/invite/invite-page.tsx'
import { RecordingPage } from '../features/recording/recording-page.tsx'
import { NotFoundPage } from './not-found-page.tsx'
import { parseRoute, type Route } from './route.ts'

export function App({ path }: { readonly path: string }): JSX.Element {
  return <Shell>{pageOf(parseRoute(path))}</Shell>
}

function pageOf(route: Route): JSX.Element {
  switch (route.page) {
    case 'home':
      return <HomePage />
    case 'link':
      return <InvitePage token={route.token} />
    case 'broken-link':
      return <BrokenLink />
    case 'recording':
      return <RecordingPage id={route.id} />
    case 'not-found':
      return <NotFoundPage />
  }
}
