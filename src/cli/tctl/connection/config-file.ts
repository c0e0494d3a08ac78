import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { errorCode, errorMessage, fileWords } from '../../../core/index.ts'
import { CliError } from '../../errors.ts'

export const DEFAULT_CONFIG_FILE = '/etc/teleport.yaml'
const DEFAULT_DATA_DIR = '/var/lib/teleport'

/** The data directory that a configuration file names; `given` undefined: the default file, which need not exist. */
export async function dataDirOf(given: string | undefined): Promise<string> {
  const path = given ?? DEFAULT_CONFIG_FILE
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT' && given === undefined) return ''
    throw new CliError('FILE_UNREADABLE', `cannot read ${path}: ${fileWords(error)}`, {
      cause: error,
      hint: '-c names the configuration file of the auth service',
    })
  })
  // Only one key matters here; the daemon judges the rest when it starts.
  const config: unknown = parseYaml(path, text)
  if (!isRecord(config) || !isRecord(config['teleport'])) return DEFAULT_DATA_DIR
  const dataDir = config['teleport']['data_dir']
  return typeof dataDir === 'string' ? dataDir : DEFAULT_DATA_DIR
}

function parseYaml(path: string, text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    throw new CliError('FILE_UNREADABLE', `${path}: ${errorMessage(error)}`, { cause: error })
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
