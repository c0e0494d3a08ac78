const WORDS = `
password passwort passw0rd letmein welcome qwerty iloveyou administrator administrador changeme
`

/** Lower-case. */
export const commonPasswords: ReadonlySet<string> = new Set(WORDS.trim().split(/\s+/))
