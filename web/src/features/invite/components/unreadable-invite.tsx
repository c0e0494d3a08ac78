import type { JSX } from 'react'
import { Button } from '../../../components/ui/button.tsx'
import { Message } from '../../../components/ui/message.tsx'
import type { ApiFailure } from '../../../lib/call-api.ts'
import { formatSentence } from '../../../lib/format.ts'

/** The link may be good; what it is for could not be read just now. */
export function UnreadableInvite({
  failure,
  busy,
  onRetry,
}: {
  readonly failure: ApiFailure
  readonly busy: boolean
  readonly onRetry: () => void
}): JSX.Element {
  return (
    <Message
      title={failure.code === 'UNREACHABLE' ? 'The proxy does not answer' : 'That did not work'}
      kind="bad"
    >
      <p>{WORDS[failure.code] ?? formatSentence(failure.message)}</p>
      <p>Your link is not used up by this.</p>
      <div>
        <Button type="button" busy={busy} onClick={onRetry}>
          {busy ? 'Trying…' : 'Try again'}
        </Button>
      </div>
    </Message>
  )
}

const WORDS: Readonly<Record<string, string>> = {
  UNREACHABLE: 'You may be offline, or the proxy is being restarted.',
  NOT_UNDERSTOOD: 'The proxy has a problem. Try again in a moment, or tell your administrator.',
}
