export type Route =
  | { readonly page: 'home' }
  | { readonly page: 'link'; readonly token: string }
  /** An invite or reset link that was cut off on its way. */
  | { readonly page: 'broken-link' }
  | { readonly page: 'recording'; readonly id: string }
  | { readonly page: 'not-found' }

const LINK = /^\/web\/(?:invite|reset)(?:\/(?<token>.*))?$/

const RECORDING = /^\/web\/recordings\/(?<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/

/** The page of a path. The proxy answers 404 for what is no page or no whole link (src/daemon/web-pages.ts). */
export function parseRoute(path: string): Route {
  if (path === '/' || path === '/web' || path === '/web/') return { page: 'home' }
  const recording = RECORDING.exec(path)?.groups?.['id']
  if (recording !== undefined) return { page: 'recording', id: recording }
  const link = LINK.exec(path)
  if (link === null) return { page: 'not-found' }
  const token = link.groups?.['token'] ?? ''
  return /^[0-9a-f]{32}$/.test(token) ? { page: 'link', token } : { page: 'broken-link' }
}
