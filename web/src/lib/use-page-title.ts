import { useEffect } from 'react'

/** Names the tab for as long as the component is there. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Teleport`
  }, [title])
}
