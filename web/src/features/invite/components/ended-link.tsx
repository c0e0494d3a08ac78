import type { JSX } from 'react'
import { Code, CommandLine } from '../../../components/ui/command-line.tsx'
import { Message } from '../../../components/ui/message.tsx'
import { formatLoginCommand, formatProxyAddress } from '../../../lib/format.ts'

/** A link that is unknown, used, replaced or too old: the server does not say which, so that nobody can try links out. */
export function EndedLink({ user }: { readonly user: string | null }): JSX.Element {
  const proxy = formatProxyAddress(window.location)
  return (
    <Message title="This link does not work" kind="bad">
      <p>
        A link works once and for a limited time. This one was used already, is too old, or was
        replaced by a newer one.
      </p>
      <h2 className="text-base font-semibold text-ink">If you have set your password with it</h2>
      <p>Then all is done, and you log in from a terminal:</p>
      <CommandLine command={formatLoginCommand(proxy, user)} />
      <h2 className="text-base font-semibold text-ink">If not</h2>
      <p>
        Ask your administrator for a new link. <Code>tctl users reset</Code> makes one.
      </p>
    </Message>
  )
}
