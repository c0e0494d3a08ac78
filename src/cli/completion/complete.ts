import type { Command } from 'commander'
import { exitCodes } from '../exit-codes.ts'
import { printable } from '../format.ts'
import type { Io } from '../io.ts'
import { candidates, type WordsFor } from './candidates.ts'

/** The word behind the program's name by which a shell asks. */
export const COMPLETE = '__complete'

/**
 * Answers a shell: a word a line, a tab before what it is for. It is no command of commander's, who would take flags among
 * the words as its own.
 */
export async function complete(
  io: Io,
  program: Command,
  words: readonly string[],
  wordsFor: WordsFor,
): Promise<number> {
  for (const { word, says } of await candidates(program, words, wordsFor)) {
    // A name that cannot be typed cannot be completed.
    if (printable(word) === word) io.stdout.write(`${word}\t${printable(says)}\n`)
  }
  return exitCodes.ok.code
}
