import type { JSX } from 'react'
import { PasswordField } from '../../../components/ui/password-field.tsx'
import { Rule, Rules } from '../../../components/ui/rules.tsx'
import { Section } from '../../../components/ui/section.tsx'
import { countCharacters, type Entries, type FieldErrors } from '../check-entries.ts'

export function PasswordSection({
  numbered,
  minLength,
  entries,
  errors,
  onChange,
}: {
  readonly numbered: boolean
  readonly minLength: number
  readonly entries: Entries
  readonly errors: FieldErrors
  readonly onChange: (changed: Partial<Entries>) => void
}): JSX.Element {
  const { password, repeated } = entries
  const length = countCharacters(password)
  return (
    <Section title="Choose a password" number={numbered ? 1 : null}>
      <PasswordField
        label="Password"
        name="password"
        value={password}
        error={errors.password}
        describedBy="password-rules"
        onChange={(value) => onChange({ password: value })}
      />
      <PasswordField
        label="Password again"
        name="repeated"
        value={repeated}
        error={errors.repeated}
        onChange={(value) => onChange({ repeated: value })}
      />
      <Rules id="password-rules">
        <Rule met={length >= minLength}>
          At least {minLength} characters
          {length > 0 && length < minLength ? `, ${minLength - length} to go` : ''}
        </Rule>
        <Rule met={password !== '' && password === repeated}>Typed twice the same</Rule>
        <Rule met={null}>
          Not your name, not one pattern and none of the most common passwords, which is checked
          when you save. Four or five unrelated words make a good one.
        </Rule>
      </Rules>
    </Section>
  )
}
