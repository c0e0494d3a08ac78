import { Fragment, type JSX } from 'react'
import { CopyButton } from './copy-button.tsx'

/** A command as it is typed in a terminal. */
export const CommandLine = ({ command }: { readonly command: string }): JSX.Element => (
  <div className="flex flex-wrap items-center justify-end gap-x-2 rounded-lg border border-line bg-sunken py-1.5 pr-1.5 pl-4">
    <code className="max-w-full grow py-1 font-mono text-sm/6 text-ink">
      <span aria-hidden="true" className="text-soft select-none">
        ${' '}
      </span>
      {command.split(' ').map((word, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the words of a command never move
        <Fragment key={index}>
          {index === 0 ? '' : ' '}
          <Word>{word}</Word>
        </Fragment>
      ))}
    </code>
    <CopyButton text={command} what="command" />
  </div>
)

/** A line breaks between words; within one only where there is no other way, and never within the name of a flag. */
function Word({ children }: { readonly children: string }): JSX.Element {
  const name = /^--[\w-]+=/.exec(children)?.[0] ?? ''
  return (
    <span className="inline-block max-w-full wrap-anywhere">
      <span className="whitespace-nowrap">{name}</span>
      {children.slice(name.length)}
    </span>
  )
}

/** The name of a command within a sentence. */
export const Code = ({ children }: { readonly children: string }): JSX.Element => (
  <code className="font-mono text-[0.9em] whitespace-nowrap text-ink">{children}</code>
)
