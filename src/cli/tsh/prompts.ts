import { createInterface } from 'node:readline'
import { type Readable, Writable } from 'node:stream'
import { CliError } from '../errors.ts'

/** Asks a person. Questions go to stderr, since stdout belongs to data: kubectl reads ours. */
export interface Prompts {
  ask(question: string): Promise<string>
  /** What is typed is not shown. */
  secret(question: string): Promise<string>
}

/** Prompts at a terminal; both streams must be one. Rejects with CliError INTERRUPTED at ctrl-c and ctrl-d. */
export function terminalPrompts(input: Readable, output: Writable): Prompts {
  return {
    ask: (question) => readLine(input, output, question),
    secret: async (question) => {
      try {
        // The line editor switches the terminal's echo off, and shows what it edits to nobody. Only then is the question
        // put: whoever answers at once must not see the answer.
        return await readLine(input, nowhere(), '', () => output.write(question))
      } finally {
        output.write('\n')
      }
    },
  }
}

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() })

function readLine(
  input: Readable,
  output: Writable,
  question: string,
  onReady: () => void = () => {},
): Promise<string> {
  const editor = createInterface({ input, output, terminal: true, historySize: 0 })
  onReady()
  return new Promise<string>((resolve, reject) => {
    editor.on('SIGINT', () => editor.close())
    editor.on('close', () => reject(new CliError('INTERRUPTED', 'stopped')))
    editor.question(question, resolve)
  }).finally(() => editor.close())
}
