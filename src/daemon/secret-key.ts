import { randomBytes } from 'node:crypto'
import { chmod, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../core/index.ts'
import { DaemonError } from './errors.ts'

const KEY_BYTES = 32
const KEY_FILE = 'secret.key'

/**
 * The key that encrypts private keys at rest: the base64 text of `TELEPORT_SECRET_KEY`, of the file that
 * `TELEPORT_SECRET_KEY_FILE` names, or of `<data_dir>/secret.key`, which is made (0600) when nothing is there.
 * Whoever has the database without it has no authority.
 */
export async function loadSecretKey(
  dataDir: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Buffer> {
  const inline = env['TELEPORT_SECRET_KEY']
  if (inline !== undefined) return decode('TELEPORT_SECRET_KEY', inline)
  const file = env['TELEPORT_SECRET_KEY_FILE']
  if (file !== undefined) return decode(file, await readFile(file, 'utf8'))

  const path = join(dataDir, KEY_FILE)
  try {
    const text = await readFile(path, 'utf8')
    await chmod(path, 0o600)
    return decode(path, text)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
  const key = randomBytes(KEY_BYTES)
  const created = await open(path, 'wx', 0o600)
  try {
    await created.writeFile(`${key.toString('base64')}\n`)
    await created.sync()
  } finally {
    await created.close()
  }
  return key
}

function decode(source: string, text: string): Buffer {
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length !== KEY_BYTES) {
    throw new DaemonError(
      'SECRET_KEY_INVALID',
      `${source} does not hold ${KEY_BYTES} bytes in base64 (make them with: openssl rand -base64 ${KEY_BYTES})`,
    )
  }
  return key
}
