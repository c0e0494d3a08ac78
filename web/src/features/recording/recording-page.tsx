import { useQuery } from '@tanstack/react-query'
import { type JSX, useEffect, useState } from 'react'
import { Loading } from '../../components/ui/loading.tsx'
import { viewQuery } from './api.ts'
import { RecordingView } from './components/recording-view.tsx'
import { UnseenRecording } from './components/unseen-recording.tsx'

const TOKEN = /^#([0-9a-f]{32})$/

/**
 * The page of a recording. What opens it stands behind the `#` of a link, which browsers send nowhere; it is taken out of the address as
 * soon as it was used.
 */
export function RecordingPage({ id }: { readonly id: string }): JSX.Element {
  const [token] = useState(() => TOKEN.exec(window.location.hash)?.[1] ?? null)
  const view = useQuery(viewQuery(id, token))
  const { isSuccess } = view
  useEffect(() => {
    if (isSuccess) window.history.replaceState(null, '', window.location.pathname)
  }, [isSuccess])

  if (view.isPending) return <Loading>Looking for the recording…</Loading>
  if (view.isError) {
    return (
      <UnseenRecording
        id={id}
        failure={view.error}
        busy={view.isFetching}
        onRetry={() => void view.refetch()}
      />
    )
  }
  return <RecordingView view={view.data} />
}
