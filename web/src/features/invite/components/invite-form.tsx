import { type FormEvent, type JSX, useEffect, useRef, useState } from 'react'
import { Alert } from '../../../components/ui/alert.tsx'
import { Button } from '../../../components/ui/button.tsx'
import { formatUntil } from '../../../lib/format.ts'
import { usePageTitle } from '../../../lib/use-page-title.ts'
import type { Invite } from '../api.ts'
import {
  checkEntries,
  cleanCode,
  codeDigits,
  type Entries,
  type FieldErrors,
  firstWrong,
} from '../check-entries.ts'
import type { Explained } from '../explain-failure.ts'
import { CodeSection } from './code-section.tsx'
import { PasswordSection } from './password-section.tsx'

const NOTHING: Entries = { password: '', repeated: '', code: '' }

/** Password and one-time codes of the person whom the link is for. */
export function InviteForm({
  invite,
  pending,
  failure,
  onSubmit,
}: {
  readonly invite: Invite
  readonly pending: boolean
  /** How the last attempt failed. */
  readonly failure: Explained | null
  readonly onSubmit: (chosen: { password: string; code: string | null }) => void
}): JSX.Element {
  const { otp, user } = invite
  const words = WORDS[invite.kind]
  usePageTitle(words.title(user))

  const form = useRef<HTMLFormElement>(null)
  const [entries, setEntries] = useState(NOTHING)
  const [errors, setErrors] = useState<FieldErrors>({})

  const showErrors = (found: FieldErrors): void => {
    setErrors(found)
    const field = firstWrong(found)
    if (field !== null) focusField(form.current, field)
  }
  useEffect(() => {
    if (failure?.place !== 'field') return
    setErrors({ [failure.field]: failure.words })
    focusField(form.current, failure.field)
  }, [failure])

  const change = (changed: Partial<Entries>): void => {
    setEntries((before) => ({ ...before, ...changed }))
    // What was said of a field does not hold for its new content.
    setErrors((before) => withoutKeys(before, Object.keys(changed)))
  }
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (pending) return
    const found = checkEntries(entries, {
      minPasswordLength: invite.min_password_length,
      codeDigits: otp === null ? null : codeDigits(otp.uri),
    })
    showErrors(found)
    if (firstWrong(found) !== null) return
    onSubmit({ password: entries.password, code: otp === null ? null : cleanCode(entries.code) })
  }

  return (
    <div
      className={`mx-auto w-full ${otp === null ? 'max-w-md' : 'max-w-4xl'} motion-safe:animate-arrive`}
    >
      <header className="mb-7 max-w-2xl">
        <h1 className="text-3xl font-semibold tracking-tight text-balance wrap-anywhere sm:text-4xl">
          {words.title(user)}
        </h1>
        <p className="mt-3 text-base/7 text-soft text-pretty">
          {words.lead(invite)} The link works once, until{' '}
          <time dateTime={invite.expires} className="whitespace-nowrap">
            {formatUntil(invite.expires, new Date())}
          </time>
          .
        </p>
      </header>
      {/* Should the script fail, nothing is sent: the policy of the page forbids it, and POST keeps entries out of addresses. */}
      <form
        ref={form}
        method="post"
        noValidate
        onSubmit={submit}
        aria-busy={pending}
        className="overflow-hidden rounded-2xl border border-line bg-surface shadow-sm"
      >
        {/* For password managers, which file a new password under a name. */}
        <input
          type="text"
          name="username"
          autoComplete="username"
          value={user}
          readOnly
          tabIndex={-1}
          aria-hidden="true"
          className="sr-only"
        />
        <div className={otp === null ? '' : 'grid md:grid-cols-2'}>
          <PasswordSection
            numbered={otp !== null}
            minLength={invite.min_password_length}
            entries={entries}
            errors={errors}
            onChange={change}
          />
          {otp === null ? null : (
            <CodeSection
              otp={otp}
              again={invite.kind === 'reset'}
              code={entries.code}
              error={errors.code}
              onChange={(code) => change({ code })}
            />
          )}
        </div>
        <footer className="flex flex-col gap-4 border-t border-line bg-sunken px-5 py-5 sm:flex-row sm:items-center sm:justify-end sm:px-8">
          <Alert>{failure?.place === 'form' && !pending ? failure.words : null}</Alert>
          <Button type="submit" busy={pending}>
            {pending ? 'Saving…' : words.submit}
          </Button>
        </footer>
      </form>
    </div>
  )
}

const WORDS = {
  invite: {
    title: (user: string) => `Welcome, ${user}`,
    lead: ({ cluster_name, otp }: Invite) =>
      `You are invited to ${cluster_name}. Choose a password${otp === null ? '' : ' and set up one-time codes'}; after that you log in from your terminal.`,
    submit: 'Create my login',
  },
  reset: {
    title: (user: string) => `A new password for ${user}`,
    lead: ({ cluster_name, otp }: Invite) =>
      `Your old password at ${cluster_name} has ended. Choose a new one${otp === null ? '' : ' and set up your one-time codes again'}; after that you log in from your terminal.`,
    submit: 'Save my new login',
  },
} as const

/** The fields are named as the entries are. */
function focusField(form: HTMLFormElement | null, field: keyof Entries): void {
  const input = form?.elements.namedItem(field)
  if (input instanceof HTMLInputElement) input.focus()
}

function withoutKeys(errors: FieldErrors, keys: readonly string[]): FieldErrors {
  return Object.fromEntries(Object.entries(errors).filter(([field]) => !keys.includes(field)))
}
