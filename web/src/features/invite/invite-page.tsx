import { useMutation, useQuery } from '@tanstack/react-query'
import { type JSX, useMemo } from 'react'
import { Loading } from '../../components/ui/loading.tsx'
import { acceptInvite, inviteQuery } from './api.ts'
import { AcceptedInvite } from './components/accepted-invite.tsx'
import { EndedLink } from './components/ended-link.tsx'
import { InviteForm } from './components/invite-form.tsx'
import { UnreadableInvite } from './components/unreadable-invite.tsx'
import { explainFailure } from './explain-failure.ts'

/** The page of an invite or reset link: what it is for, the form, and how it went. */
export function InvitePage({ token }: { readonly token: string }): JSX.Element {
  const invite = useQuery(inviteQuery(token))
  const accept = useMutation(acceptInvite)

  const failure = accept.error ?? invite.error
  // One object a failure: the form moves the cursor when it gets a new one.
  const explained = useMemo(() => (failure === null ? null : explainFailure(failure)), [failure])

  if (accept.isSuccess && invite.data !== undefined) {
    return <AcceptedInvite user={accept.data.user} invite={invite.data} />
  }
  if (explained?.place === 'page') return <EndedLink user={invite.data?.user ?? null} />
  if (invite.isPending) return <Loading>Looking at your link…</Loading>
  if (invite.isError) {
    return (
      <UnreadableInvite
        failure={invite.error}
        busy={invite.isFetching}
        onRetry={() => void invite.refetch()}
      />
    )
  }
  return (
    <InviteForm
      invite={invite.data}
      pending={accept.isPending}
      failure={explained}
      onSubmit={({ password, code }) =>
        accept.mutate({ token, password, ...(code === null ? {} : { otp: code }) })
      }
    />
  )
}
