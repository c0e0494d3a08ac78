/** A key, by its character, or by its name when it has none. */
export type Key =
  | { readonly type: 'char'; readonly char: string }
  | { readonly type: 'named'; readonly name: KeyName }

export type KeyName =
  | 'up'
  | 'down'
  | 'left'
  | 'right'
  | 'home'
  | 'end'
  | 'pageup'
  | 'pagedown'
  | 'tab'
  | 'backtab'
  | 'enter'
  | 'escape'
  | 'backspace'
  | 'ctrl-c'
  | 'ctrl-l'
  | 'ctrl-u'
  | 'ctrl-z'

/** What terminals send (ECMA-48, xterm, VT220), without the leading escape. */
const SEQUENCES: Readonly<Record<string, KeyName>> = {
  '[A': 'up',
  '[B': 'down',
  '[C': 'right',
  '[D': 'left',
  OA: 'up',
  OB: 'down',
  OC: 'right',
  OD: 'left',
  '[H': 'home',
  '[F': 'end',
  OH: 'home',
  OF: 'end',
  '[1~': 'home',
  '[4~': 'end',
  '[5~': 'pageup',
  '[6~': 'pagedown',
  '[7~': 'home',
  '[8~': 'end',
  '[Z': 'backtab',
}

const CONTROLS: Readonly<Record<string, KeyName>> = {
  '\t': 'tab',
  '\r': 'enter',
  '\n': 'enter',
  '\u007f': 'backspace',
  '\b': 'backspace',
  '\u0003': 'ctrl-c',
  '\u000c': 'ctrl-l',
  '\u0015': 'ctrl-u',
  '\u001a': 'ctrl-z',
}

/** One sequence behind an escape: CSI with parameters, or SS3 with one letter. */
const SEQUENCE = /^(?:\[[\u0030-\u003f]*[\u0020-\u002f]*[\u0040-\u007e]|O[A-Za-z])/

/**
 * The keys in what a terminal in raw mode sent. Sequences that mean nothing here are dropped, whole; an escape with nothing
 * behind it is the key.
 */
export function parseKeys(input: string): readonly Key[] {
  const keys: Key[] = []
  let rest = input
  while (rest !== '') {
    if (rest.startsWith('\u001b')) {
      const [sequence] = SEQUENCE.exec(rest.slice(1)) ?? []
      if (sequence === undefined) {
        keys.push({ type: 'named', name: 'escape' })
        rest = rest.slice(1)
        continue
      }
      const name = SEQUENCES[sequence]
      if (name !== undefined) keys.push({ type: 'named', name })
      rest = rest.slice(1 + sequence.length)
      continue
    }
    const [char = ''] = rest
    const name = CONTROLS[char]
    if (name !== undefined) keys.push({ type: 'named', name })
    else if (char >= ' ' && !/[\u0080-\u009f]/.test(char)) keys.push({ type: 'char', char })
    rest = rest.slice(char.length)
  }
  return keys
}
