import { Decrypter, Encrypter } from 'age-encryption'
import { errorMessage } from '../core/index.ts'
import { RecordError } from './errors.ts'

/** How every age file begins (age-encryption.org/v1). */
const AGE = Buffer.from('age-encryption.org/v1\n', 'latin1')

/** Whether a chunk is encrypted to age recipients. */
export const isEncrypted = (chunk: Uint8Array): boolean => AGE.equals(chunk.subarray(0, AGE.length))

/** Throws RecordError RECORD_LOCKED for what is no age recipient (`age1…`), without saying what it is. */
export function assertRecipient(recipient: string): void {
  try {
    new Encrypter().addRecipient(recipient)
  } catch (cause) {
    throw new RecordError('RECORD_LOCKED', 'this is no age recipient, age1…', { cause })
  }
}

/** A chunk that only the holders of the recipients' identities can read. `age -d` reads it as well. */
export async function encryptChunk(
  chunk: Uint8Array,
  recipients: readonly string[],
): Promise<Buffer> {
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  const bytes = await encrypter.encrypt(chunk)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * A chunk as it was packed, ready for `openChunk`; one that is not encrypted comes back as it is. `identities`: secret keys,
 * `AGE-SECRET-KEY-1…`. Rejects with RecordError RECORD_LOCKED when none of them opens it, or one is none; no error tells a key.
 */
export async function decryptChunk(chunk: Buffer, identities: readonly string[]): Promise<Buffer> {
  if (!isEncrypted(chunk)) return chunk
  if (identities.length === 0) {
    throw new RecordError(
      'RECORD_LOCKED',
      'the recording is encrypted: it takes the age identity of one of its recipients to read it',
    )
  }
  const decrypter = new Decrypter()
  for (const identity of identities) addIdentity(decrypter, identity)
  try {
    const bytes = await decrypter.decrypt(chunk)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  } catch (cause) {
    throw new RecordError(
      'RECORD_LOCKED',
      `the recording is encrypted, and the age identities that were given do not open it: ${errorMessage(cause)}`,
      { cause },
    )
  }
}

/** Without a cause: of a secret key that was mistyped, the library's own words are the key. */
function addIdentity(decrypter: Decrypter, identity: string): void {
  try {
    decrypter.addIdentity(identity)
  } catch {
    throw new RecordError(
      'RECORD_LOCKED',
      'the recording is encrypted, and what was given is no age identity, AGE-SECRET-KEY-1… (is a character of it wrong?)',
    )
  }
}

/** The identities in a file as `age-keygen` writes it: one a line, lines with # are comments. */
export const parseIdentities = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
