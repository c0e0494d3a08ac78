import type { JSX } from 'react'
import { CommandLine } from '../../../components/ui/command-line.tsx'
import { Message } from '../../../components/ui/message.tsx'
import { formatLoginCommand, formatProxyAddress } from '../../../lib/format.ts'
import type { Invite } from '../api.ts'

export function AcceptedInvite({
  user,
  invite,
}: {
  readonly user: string
  readonly invite: Invite
}): JSX.Element {
  const proxy = formatProxyAddress(window.location)
  return (
    <Message
      title={invite.kind === 'reset' ? 'Your new login is saved' : `You are set, ${user}`}
      kind="good"
    >
      <p>
        This page has done its work. From now on you log in from a terminal with your password
        {invite.otp === null ? ':' : ' and the next code of your app; each code works once:'}
      </p>
      <CommandLine command={formatLoginCommand(proxy, user)} />
      <p>It sets up kubectl for every cluster that you may reach. See which, and begin:</p>
      <CommandLine command="tsh kube ls" />
      <CommandLine command="kubectl get pods" />
      <p className="text-sm/6">The link is used up; you can close this page.</p>
    </Message>
  )
}
