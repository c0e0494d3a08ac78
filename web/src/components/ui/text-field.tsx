import type { ComponentProps, JSX, ReactNode } from 'react'

type Passed = Pick<
  ComponentProps<'input'>,
  'type' | 'autoComplete' | 'inputMode' | 'maxLength' | 'className'
>

/** A labelled input with its error below it. `name` is also its id: a name occurs once on a page. */
export function TextField({
  label,
  name,
  value,
  error,
  describedBy,
  onChange,
  beside,
  className = '',
  type = 'text',
  ...rest
}: Passed & {
  readonly label: string
  readonly name: string
  readonly value: string
  readonly error: string | undefined
  /** The id of what explains it further. */
  readonly describedBy?: string | undefined
  readonly onChange: (value: string) => void
  /** What stands inside it at its end. */
  readonly beside?: ReactNode
}): JSX.Element {
  const errorId = `${name}-error`
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={name} className="text-sm font-medium text-ink">
        {label}
      </label>
      <div className="relative flex">
        <input
          {...rest}
          id={name}
          name={name}
          type={type}
          value={value}
          onChange={(event) => onChange(event.currentTarget.value)}
          required
          aria-invalid={error !== undefined}
          aria-describedby={error === undefined ? describedBy : errorId}
          spellCheck={false}
          autoCapitalize="none"
          autoCorrect="off"
          className={`min-h-11 w-full rounded-lg border border-edge bg-surface px-3.5 text-base text-ink focus-visible:outline-offset-1 aria-invalid:border-bad aria-invalid:outline-bad ${beside === undefined ? '' : 'pr-18'} ${className}`}
        />
        {beside}
      </div>
      <div id={errorId} aria-live="polite" className="empty:hidden">
        {error === undefined ? null : <p className="text-sm/6 text-bad text-pretty">{error}</p>}
      </div>
    </div>
  )
}
