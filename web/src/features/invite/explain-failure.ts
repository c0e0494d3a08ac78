import type { ApiFailure } from '../../lib/call-api.ts'
import { formatSentence } from '../../lib/format.ts'
import type { Field } from './check-entries.ts'

/** Where a failure is shown, and in which words. */
export type Explained =
  | { readonly place: 'field'; readonly field: Field; readonly words: string }
  /** Above the button: it is nothing that was typed. */
  | { readonly place: 'form'; readonly words: string }
  /** Instead of the form: there is nothing left to fill in. */
  | { readonly place: 'page' }

export function explainFailure({ code, message }: Pick<ApiFailure, 'code' | 'message'>): Explained {
  switch (code) {
    case 'INVITE_INVALID':
      return { place: 'page' }
    case 'PASSWORD_WEAK':
      return { place: 'field', field: 'password', words: formatSentence(message) }
    case 'OTP_WRONG':
      return { place: 'field', field: 'code', words: formatSentence(message) }
    case 'UNREACHABLE':
      return {
        place: 'form',
        words: 'The proxy does not answer. What you typed is still here: try again in a moment.',
      }
    case 'NOT_UNDERSTOOD':
      return {
        place: 'form',
        words: 'The proxy has a problem. What you typed is still here: try again in a moment.',
      }
    default:
      return { place: 'form', words: formatSentence(message) }
  }
}
