import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../core/index.ts'
import { writePrivateFile } from '../files/index.ts'

/** The lasting identity of this machine's services: made once, kept in the data directory. */
export async function loadHostId(dataDir: string): Promise<string> {
  const path = join(dataDir, 'host_uuid')
  try {
    const text = (await readFile(path, 'utf8')).trim()
    if (/^[0-9a-f-]{36}$/.test(text)) return text
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
  const id = randomUUID()
  await writePrivateFile(path, `${id}\n`)
  return id
}
