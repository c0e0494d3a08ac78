import { CliError } from '../errors.ts'
import type { BooleanNode, FunctionName, QueryNode, TextNode } from './types.ts'

/** Far above what a person types, and cheap to refuse. */
const MAX_CHARS = 4096
const MAX_DEPTH = 64

const TOKEN =
  /\s*(?:(?<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<operator>&&|\|\||==|!=|[!()[\],.])|(?<word>[A-Za-z_][\w-]*))/y

interface Token {
  readonly kind: 'text' | 'operator' | 'word' | 'end'
  /** A text without its quotes. */
  readonly value: string
  /** Characters from the beginning. */
  readonly at: number
}

/**
 * Reads a predicate over a cluster, like `labels["env"] == "prod" && !hasPrefix(name, "old-")`. Nothing but comparisons:
 * no loops, no regular expressions, so whatever it is, it ends at once. Throws CliError QUERY_INVALID, naming the place.
 */
export function parseQuery(text: string): BooleanNode {
  if (text.length > MAX_CHARS) throw invalid(text, 0, `longer than ${MAX_CHARS} characters`)
  const parser = new Parser(text)
  return parser.whole()
}

class Parser {
  readonly #source: string
  readonly #tokens: readonly Token[]
  #next = 0
  #depth = 0

  constructor(source: string) {
    this.#source = source
    this.#tokens = tokensOf(source)
  }

  whole(): BooleanNode {
    const node = this.#boolean(this.#or())
    if (this.#peek().kind !== 'end') throw this.#unexpected('&&, || or the end')
    return node
  }

  #or(): QueryNode {
    let left = this.#and()
    while (this.#take('||')) {
      left = { kind: 'or', left: this.#boolean(left), right: this.#boolean(this.#and()) }
    }
    return left
  }

  #and(): QueryNode {
    let left = this.#comparison()
    while (this.#take('&&')) {
      left = { kind: 'and', left: this.#boolean(left), right: this.#boolean(this.#comparison()) }
    }
    return left
  }

  #comparison(): QueryNode {
    const left = this.#unary()
    const operator = this.#take('==') ? 'equal' : this.#take('!=') ? 'unequal' : null
    if (operator === null) return left
    return { kind: operator, left: this.#text(left), right: this.#text(this.#unary()) }
  }

  #unary(): QueryNode {
    this.#depth += 1
    if (this.#depth > MAX_DEPTH) throw this.#problem('nested too deeply')
    const node: QueryNode = this.#take('!')
      ? { kind: 'not', of: this.#boolean(this.#unary()) }
      : this.#primary()
    this.#depth -= 1
    return node
  }

  #primary(): QueryNode {
    if (this.#take('(')) {
      const node = this.#or()
      this.#expect(')')
      return node
    }
    const token = this.#peek()
    if (token.kind === 'text') {
      this.#next += 1
      return { kind: 'literal', value: token.value }
    }
    if (token.kind !== 'word') throw this.#unexpected('name, labels["…"], a text or a function')
    this.#next += 1
    if (this.#take('(')) return this.#call(token)
    return this.#field(token)
  }

  #field(token: Token): TextNode {
    // The spelling of scripts that were written for other tools.
    if (token.value === 'resource') {
      this.#expect('.')
      this.#word('metadata')
      this.#expect('.')
      const field = this.#peek()
      this.#next += 1
      return this.#field(field)
    }
    if (token.value === 'name') return { kind: 'name' }
    if (token.value !== 'labels') {
      throw invalid(
        this.#source,
        token.at,
        `"${token.value}" is not known; there are name and labels["…"]`,
      )
    }
    if (this.#take('.')) return { kind: 'label', name: this.#word() }
    this.#expect('[')
    const key = this.#peek()
    if (key.kind !== 'text') throw this.#unexpected('the name of a label, in quotes')
    this.#next += 1
    this.#expect(']')
    return { kind: 'label', name: key.value }
  }

  #call(token: Token): QueryNode {
    const name = functionNames.find((each) => each === token.value)
    if (name === undefined) {
      throw invalid(
        this.#source,
        token.at,
        `there is no function "${token.value}"; there are ${functionNames.join(', ')}`,
      )
    }
    const args: TextNode[] = []
    while (!this.#take(')')) {
      if (args.length > 0) this.#expect(',')
      args.push(this.#text(this.#unary()))
    }
    const wanted = arity[name]
    if (wanted === null ? args.length === 0 : args.length !== wanted) {
      const count =
        wanted === null ? 'at least one argument' : `${wanted} argument${wanted === 1 ? '' : 's'}`
      throw invalid(this.#source, token.at, `${name} takes ${count}`)
    }
    if (name === 'exists' && args[0]?.kind !== 'label') {
      throw invalid(this.#source, token.at, 'exists takes labels["…"]')
    }
    return { kind: 'call', name, args }
  }

  #boolean(node: QueryNode): BooleanNode {
    if (isText(node)) throw this.#problem('a text stands where a comparison must')
    return node
  }

  #text(node: QueryNode): TextNode {
    if (!isText(node)) throw this.#problem('a comparison stands where a text must')
    return node
  }

  #word(wanted?: string): string {
    const token = this.#peek()
    if (token.kind !== 'word' || (wanted !== undefined && token.value !== wanted)) {
      throw this.#unexpected(wanted ?? 'a word')
    }
    this.#next += 1
    return token.value
  }

  #take(operator: string): boolean {
    const token = this.#peek()
    if (token.kind !== 'operator' || token.value !== operator) return false
    this.#next += 1
    return true
  }

  #expect(operator: string): void {
    if (!this.#take(operator)) throw this.#unexpected(operator)
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', value: '', at: this.#source.length }
  }

  #unexpected(wanted: string): CliError {
    const { kind, value } = this.#peek()
    const found = kind === 'end' ? 'the end' : kind === 'text' ? 'a text' : `"${value}"`
    return this.#problem(`expected ${wanted}, found ${found}`)
  }

  #problem(problem: string): CliError {
    return invalid(this.#source, this.#peek().at, problem)
  }
}

const isText = (node: QueryNode): node is TextNode =>
  node.kind === 'literal' || node.kind === 'name' || node.kind === 'label'

/** How many arguments; null for one or more. */
const arity: Readonly<Record<FunctionName, number | null>> = {
  contains: 2,
  equals: 2,
  hasPrefix: 2,
  hasSuffix: 2,
  exists: 1,
  search: null,
}
const functionNames = Object.keys(arity) as FunctionName[]

function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = []
  const pattern = new RegExp(TOKEN)
  const end = source.trimEnd().length
  while (pattern.lastIndex < end) {
    const from = pattern.lastIndex
    const match = pattern.exec(source)
    if (match === null) {
      const at = from + (/^\s*/.exec(source.slice(from))?.[0].length ?? 0)
      const quote = /["']/.test(source[at] ?? '')
      throw invalid(
        source,
        at,
        quote ? 'a text that does not end' : `what is "${source[at] ?? ''}"?`,
      )
    }
    const { text, operator, word } = match.groups ?? {}
    const value = text === undefined ? (operator ?? word ?? '') : unquoted(text)
    const kind = text !== undefined ? 'text' : operator !== undefined ? 'operator' : 'word'
    tokens.push({ kind, value, at: pattern.lastIndex - (text ?? value).length })
  }
  return tokens
}

/** A backslash makes the next character itself. */
const unquoted = (text: string): string => text.slice(1, -1).replace(/\\(.)/gs, '$1')

const invalid = (source: string, at: number, problem: string): CliError =>
  new CliError('QUERY_INVALID', `--query, character ${at + 1}: ${problem}`, {
    hint: `${source.slice(0, 200)}\n${' '.repeat(Math.min(at, 200))}^`,
  })
