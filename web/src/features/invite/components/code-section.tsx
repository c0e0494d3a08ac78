import type { JSX } from 'react'
import { CopyButton } from '../../../components/ui/copy-button.tsx'
import { Section } from '../../../components/ui/section.tsx'
import { TextField } from '../../../components/ui/text-field.tsx'
import { TextLink } from '../../../components/ui/text-link.tsx'
import { groupSecret } from '../../../lib/format.ts'
import type { Invite } from '../api.ts'
import { codeDigits } from '../check-entries.ts'

/** The secret as a picture, as a link for the device itself and as text; and the first code, as proof that it arrived. */
export function CodeSection({
  otp,
  again,
  code,
  error,
  onChange,
}: {
  readonly otp: NonNullable<Invite['otp']>
  readonly again: boolean
  readonly code: string
  readonly error: string | undefined
  readonly onChange: (code: string) => void
}): JSX.Element {
  const digits = codeDigits(otp.uri)
  return (
    <Section
      title={again ? 'Set up one-time codes again' : 'Set up one-time codes'}
      number={2}
      className="border-t border-line md:border-t-0 md:border-l"
    >
      <div className="flex flex-col gap-5 min-[26rem]:flex-row min-[26rem]:items-start">
        <img
          // As an image nothing in it can run, whatever it is.
          src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(otp.qr_svg)}`}
          alt="QR code with the secret for your authenticator app"
          width={152}
          height={152}
          className="size-38 shrink-0 rounded-xl border border-line bg-paper p-2.5"
        />
        <div className="flex flex-col gap-3 text-sm/6 text-soft">
          <p>
            Scan this with an authenticator app on your phone. The app then shows a new code every
            half minute.
            {again ? ' The old entry in your app is of no use any more: delete it.' : ''}
          </p>
          <p>
            On the phone itself: <TextLink href={otp.uri}>open it in the app</TextLink>.
          </p>
        </div>
      </div>
      <details className="group text-sm/6">
        <summary className="w-fit cursor-pointer rounded-sm text-accent underline decoration-1 underline-offset-3 hover:text-accent-strong">
          Cannot scan? Type the key
        </summary>
        <div className="mt-3 flex items-center gap-2 rounded-lg border border-line bg-sunken py-2 pr-2 pl-3">
          <code className="grow font-mono text-sm/6 wrap-anywhere select-all">
            {groupSecret(otp.secret)}
          </code>
          <CopyButton text={otp.secret} what="key" />
        </div>
      </details>
      <TextField
        label={`The ${digits} digits that the app shows`}
        name="code"
        value={code}
        error={error}
        onChange={onChange}
        inputMode="numeric"
        autoComplete="one-time-code"
        // Room for the blank or dash that apps show in the middle.
        maxLength={digits + 2}
        className="max-w-44 font-mono text-lg tracking-[0.2em]"
      />
    </Section>
  )
}
