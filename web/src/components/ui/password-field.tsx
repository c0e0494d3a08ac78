import { type JSX, useState } from 'react'
import { TextField } from './text-field.tsx'

/** A field for a new password that can be looked at. */
export function PasswordField({
  label,
  name,
  value,
  error,
  describedBy,
  onChange,
}: {
  readonly label: string
  readonly name: string
  readonly value: string
  readonly error: string | undefined
  readonly describedBy?: string
  readonly onChange: (value: string) => void
}): JSX.Element {
  const [shown, setShown] = useState(false)
  return (
    <TextField
      label={label}
      name={name}
      type={shown ? 'text' : 'password'}
      value={value}
      error={error}
      describedBy={describedBy}
      onChange={onChange}
      autoComplete="new-password"
      beside={
        <button
          type="button"
          onClick={() => setShown(!shown)}
          className="absolute inset-y-1 right-1 min-w-15 cursor-pointer rounded-md px-3 text-sm font-medium text-accent hover:bg-tint"
        >
          {shown ? 'Hide' : 'Show'}
          <span className="sr-only"> {label}</span>
        </button>
      }
    />
  )
}
