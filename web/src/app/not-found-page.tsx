import type { JSX } from 'react'
import { Message } from '../components/ui/message.tsx'
import { TextLink } from '../components/ui/text-link.tsx'

export function NotFoundPage(): JSX.Element {
  return (
    <Message title="There is no such page" kind="quiet">
      <p>The address may be mistyped or cut off.</p>
      <p>
        <TextLink href="/">How to log in at this proxy</TextLink>
      </p>
    </Message>
  )
}
