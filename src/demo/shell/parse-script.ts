/** A piece of a word: as it stands, or a variable's value. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: string; readonly quoted: boolean }
export type Word = readonly Piece[]

export interface SimpleCommand {
  readonly words: readonly Word[]
  readonly input: Word | null
  readonly output: { readonly word: Word; readonly append: boolean } | null
  /** `>&2`: what it says goes where errors go. */
  readonly toErrors: boolean
  /** `2>&1` or `2>/dev/null`. */
  readonly errors: 'output' | 'nowhere' | null
}

/** Commands whose output is the next one's input. */
export type Pipeline = readonly SimpleCommand[]

export interface Step {
  /** Run always, when the last succeeded, or when it failed. */
  readonly when: 'always' | 'success' | 'failure'
  readonly pipeline: Pipeline
}

/** What cannot be read, in words. */
export class SyntaxProblem extends Error {
  override readonly name = 'SyntaxProblem'
}

/**
 * Reads the little that this shell knows: words with quotes and `$NAME`, `;`, line breaks, `&&`, `||`, `|`, `<`, `>`, `>>`, `2>&1`, `>&2`.
 * Throws SyntaxProblem. `'open'` is given for a quote that is not closed yet, so that a terminal can ask for more.
 */
export function parseScript(text: string): readonly Step[] | 'open' {
  const tokens = tokenize(text)
  if (tokens === 'open') return 'open'
  const steps: Step[] = []
  let when: Step['when'] = 'always'
  let pipeline: SimpleCommand[] = []
  let command = empty()
  const finishCommand = (operator: string): void => {
    if (command.words.length === 0 && command.output === null) {
      throw new SyntaxProblem(`syntax error near unexpected token \`${operator}'`)
    }
    pipeline.push(command)
    command = empty()
  }
  const finishStep = (operator: string, next: Step['when']): void => {
    finishCommand(operator)
    steps.push({ when, pipeline })
    pipeline = []
    when = next
  }
  for (let index = 0; index < tokens.length; index += 1) {
    const token = tokens[index]
    if (token === undefined) break
    if (token.kind === 'word') {
      command = { ...command, words: [...command.words, token.word] }
      continue
    }
    switch (token.text) {
      case ';':
        if (pipeline.length === 0 && command.words.length === 0) {
          if (when !== 'always') throw new SyntaxProblem("syntax error near unexpected token `;'")
        } else finishStep(';', 'always')
        break
      case '&&':
        finishStep('&&', 'success')
        break
      case '||':
        finishStep('||', 'failure')
        break
      case '|':
        finishCommand('|')
        break
      case '2>&1':
        command = { ...command, errors: 'output' }
        break
      case '>&2':
      case '1>&2':
        command = { ...command, toErrors: true }
        break
      default: {
        const target = tokens[index + 1]
        if (target?.kind !== 'word') {
          throw new SyntaxProblem(`syntax error near unexpected token \`${token.text}'`)
        }
        index += 1
        command = redirected(command, token.text, target.word)
      }
    }
  }
  if (command.words.length > 0 || pipeline.length > 0) finishStep('newline', 'always')
  else if (when !== 'always') throw new SyntaxProblem('syntax error: unexpected end of file')
  return steps
}

const empty = (): SimpleCommand => ({
  words: [],
  input: null,
  output: null,
  toErrors: false,
  errors: null,
})

function redirected(command: SimpleCommand, operator: string, word: Word): SimpleCommand {
  switch (operator) {
    case '<':
      return { ...command, input: word }
    case '2>':
      return { ...command, errors: 'nowhere' }
    default:
      return { ...command, output: { word, append: operator === '>>' } }
  }
}

type Token =
  | { readonly kind: 'word'; readonly word: Word }
  | { readonly kind: 'operator'; readonly text: string }

/** Longest first. */
const OPERATORS = ['2>&1', '1>&2', '>&2', '2>', '&&', '||', '>>', '|', ';', '\n', '<', '>'] as const

function tokenize(text: string): Token[] | 'open' {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    const rest = text.slice(at)
    const blank = /^(?:[ \t\r]+|\\\n|#[^\n]*)/.exec(rest)
    if (blank !== null) {
      at += blank[0].length
      continue
    }
    const operator = OPERATORS.find((candidate) => rest.startsWith(candidate))
    if (operator !== undefined) {
      tokens.push({ kind: 'operator', text: operator === '\n' ? ';' : operator })
      at += operator.length
      continue
    }
    if (rest.startsWith('&')) throw new SyntaxProblem('this shell has no background jobs')
    if (/^[()`]/.test(rest)) throw new SyntaxProblem(`this shell does not know \`${rest[0]}'`)
    const read = readWord(text, at)
    if (read === 'open') return 'open'
    tokens.push({ kind: 'word', word: read.word })
    at = read.end
  }
  return tokens
}

function readWord(text: string, from: number): { word: Word; end: number } | 'open' {
  const pieces: Piece[] = []
  let at = from
  let plain = ''
  const flush = (): void => {
    if (plain !== '') pieces.push({ kind: 'text', text: plain })
    plain = ''
  }
  const variable = (quoted: boolean): void => {
    const match = /^\$(?:\{(\w+|\?)\}|(\w+|\?))/.exec(text.slice(at))
    if (match === null) {
      if (text.startsWith('$(', at)) throw new SyntaxProblem('this shell does not know $(…)')
      plain += '$'
      at += 1
      return
    }
    flush()
    pieces.push({ kind: 'variable', name: match[1] ?? match[2] ?? '', quoted })
    at += match[0].length
  }
  while (at < text.length && !/[ \t\r\n;|<>&()`]/.test(text[at] ?? '')) {
    const character = text[at] ?? ''
    if (character === "'") {
      const end = text.indexOf("'", at + 1)
      if (end === -1) return 'open'
      // Even an empty pair of quotes is a word.
      flush()
      pieces.push({ kind: 'text', text: text.slice(at + 1, end) })
      at = end + 1
    } else if (character === '"') {
      at += 1
      flush()
      pieces.push({ kind: 'text', text: '' })
      while (text[at] !== '"') {
        if (at >= text.length) return 'open'
        if (text[at] === '$') variable(true)
        else {
          if (text[at] === '\\' && /["\\$`\n]/.test(text[at + 1] ?? '')) at += 1
          plain += text[at] ?? ''
          at += 1
        }
      }
      at += 1
    } else if (character === '$') variable(false)
    else {
      if (character === '\\') {
        if (at + 1 >= text.length) return 'open'
        at += 1
      }
      plain += text[at] ?? ''
      at += 1
    }
  }
  flush()
  return { word: pieces, end: at }
}
