/** Seals what must not lie open in storage. `place` binds a secret to where it is stored. */
export interface SecretCipher {
  encrypt(place: string, secret: string): string
  /** Throws when it was sealed with another key, for another place, or was altered. */
  decrypt(place: string, sealed: string): string
}
