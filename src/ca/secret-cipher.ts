import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { CaError } from './errors.ts'

const ALGORITHM = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Fixed, since GCM would take shorter tags, which are easier to guess. */
const TAG = { authTagLength: TAG_BYTES }

/** Encrypts what must not lie open in the database. `place` binds a secret to where it is stored. */
export interface SecretCipher {
  encrypt(place: string, secret: string): string
  /** Throws CaError SECRET_UNREADABLE: another key, another place, or altered. */
  decrypt(place: string, sealed: string): string
}

/** AES-256-GCM with random nonces; the text names the key by a hash of it, so that a wrong key is told as such. */
export function createSecretCipher(key: Buffer): SecretCipher {
  if (key.length !== KEY_BYTES) throw new TypeError(`"key" must have ${KEY_BYTES} bytes`)
  const keyId = createHash('sha256')
    .update('teleport secret key id')
    .update(key)
    .digest('hex')
    .slice(0, 16)
  return {
    encrypt(place, secret) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(ALGORITHM, key, nonce, TAG).setAAD(Buffer.from(place))
      const sealed = Buffer.concat([
        nonce,
        cipher.update(secret, 'utf8'),
        cipher.final(),
        cipher.getAuthTag(),
      ])
      return `v1:${keyId}:${sealed.toString('base64')}`
    },
    decrypt(place, text) {
      const [version, id, body = ''] = text.split(':')
      if (version !== 'v1') throw unreadable(place, 'it is not in a form that this version knows')
      if (id !== keyId) throw unreadable(place, 'it was encrypted with another secret key')
      const bytes = Buffer.from(body, 'base64')
      if (bytes.length < NONCE_BYTES + TAG_BYTES) throw unreadable(place, 'it is cut short')
      try {
        const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), TAG)
          .setAAD(Buffer.from(place))
          .setAuthTag(bytes.subarray(-TAG_BYTES))
        return Buffer.concat([
          decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)),
          decipher.final(),
        ]).toString('utf8')
      } catch (cause) {
        throw unreadable(place, 'it was altered', cause)
      }
    },
  }
}

const unreadable = (place: string, why: string, cause?: unknown): CaError =>
  new CaError('SECRET_UNREADABLE', `the secret at ${place} cannot be read: ${why}`, { cause })
