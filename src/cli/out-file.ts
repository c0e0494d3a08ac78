import { readFile } from 'node:fs/promises'
import { errorCode, fileWords } from '../core/index.ts'
import { writePrivateFile } from '../files/index.ts'
import { CliError } from './errors.ts'

/**
 * Writes a file with secrets: 0600 from its first byte, complete or not at all (written beside and renamed). What is
 * there already is replaced when it carries `marker`, that is, when this command wrote it, or with `overwrite`.
 */
export async function writeSecretFile(options: {
  readonly path: string
  readonly content: string
  readonly marker: string
  readonly overwrite: boolean
}): Promise<void> {
  const { path, content, marker, overwrite } = options
  if (!overwrite && !(await mayReplace(path, marker))) {
    throw new CliError('FILE_EXISTS', `${path} exists, and was not written by this command`, {
      hint: 'use --overwrite to replace it, or another --out',
    })
  }
  try {
    await writePrivateFile(path, content)
  } catch (error) {
    throw new CliError('FILE_UNWRITABLE', `cannot write ${path}: ${fileWords(error)}`, {
      cause: error,
    })
  }
}

async function mayReplace(path: string, marker: string): Promise<boolean> {
  try {
    return (await readFile(path, 'utf8')).includes(marker)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true
    throw new CliError('FILE_UNREADABLE', `cannot look at ${path}: ${fileWords(error)}`, {
      cause: error,
    })
  }
}
