import type { JSX } from 'react'
import { Button } from '../../../components/ui/button.tsx'
import { CommandLine } from '../../../components/ui/command-line.tsx'
import { Message } from '../../../components/ui/message.tsx'
import type { ApiFailure } from '../../../lib/call-api.ts'
import { formatSentence } from '../../../lib/format.ts'

/** Why there is nothing to see, and what to do about it. */
export function UnseenRecording({
  id,
  failure,
  busy,
  onRetry,
}: {
  readonly id: string
  readonly failure: ApiFailure
  readonly busy: boolean
  readonly onRetry: () => void
}): JSX.Element {
  const words = WORDS[failure.code]
  const again = words?.again ?? false
  return (
    <Message title={words?.title ?? 'That did not work'} kind="bad">
      <p>{words?.says ?? formatSentence(failure.message)}</p>
      {words?.more === undefined ? null : <p>{words.more}</p>}
      {again ? (
        <>
          <p>Whoever may see the recording makes a new link in a terminal:</p>
          <CommandLine command={`tsh recordings open ${id}`} />
        </>
      ) : null}
      {words === undefined || words.retry === true ? (
        <div>
          <Button type="button" busy={busy} onClick={onRetry}>
            {busy ? 'Trying…' : 'Try again'}
          </Button>
        </div>
      ) : null}
    </Message>
  )
}

interface Words {
  readonly title: string
  /** Where the server's own words say less. */
  readonly says?: string
  readonly more?: string
  readonly again?: boolean
  readonly retry?: boolean
}

const WORDS: Readonly<Record<string, Words>> = {
  RECORDING_LINK_USED: {
    title: 'This link was used already',
    says: 'A link to a recording opens once, in one browser.',
    more: 'If it was not you who opened it, tell your administrator: the audit log says when that was, and from which address.',
    again: true,
  },
  RECORDING_LINK_INVALID: {
    title: 'This link has ended',
    says: 'A link to a recording works for five minutes. This one is older, or a part of it is missing.',
    again: true,
  },
  RECORDING_VIEW_ENDED: {
    title: 'You have to open it anew',
    says: 'A recording stays open for half an hour in the browser that opened it, and a page of one is of no use elsewhere.',
    again: true,
  },
  ACCESS_DENIED: { title: 'You may not see this recording' },
  LOCKED: { title: 'You are locked out' },
  NOT_FOUND: {
    title: 'There is no such recording',
    says: 'It may have been deleted since the link was made.',
  },
  UNREACHABLE: {
    title: 'The proxy does not answer',
    says: 'You may be offline, or the proxy is being restarted.',
    retry: true,
  },
  NOT_UNDERSTOOD: {
    title: 'That did not work',
    says: 'The proxy has a problem. Try again in a moment, or tell your administrator.',
    retry: true,
  },
}
