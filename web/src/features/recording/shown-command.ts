const MAX_COMMAND_CHARS = 400

/** Signs that turn the order of letters around: a command would be read as another one. */
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** As it could be typed, more or less; a whole script is in the facts that `tsh` exports. */
export function shownCommand(command: readonly string[]): string {
  const text = command
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : quoted(word)))
    .join(' ')
  return text.length > MAX_COMMAND_CHARS ? `${text.slice(0, MAX_COMMAND_CHARS)}…` : text
}

const quoted = (word: string): string =>
  JSON.stringify(word).replaceAll(
    TURNS,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
