import type { JSX } from 'react'
import { Message } from '../../../components/ui/message.tsx'

/** A link that lost a part on its way, by a line break in a message for instance. */
export function BrokenLink(): JSX.Element {
  return (
    <Message title="This link is not whole" kind="bad">
      <p>
        A part of the address is missing or was changed on its way, for instance by a line break in
        a message.
      </p>
      <p>Copy the whole link and open it again; it ends with 32 letters and digits.</p>
    </Message>
  )
}
