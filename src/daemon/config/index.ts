export type { Address } from './address.ts'
export { exampleConfig } from './example.ts'
export { parseConfig, type TeleportConfig } from './parse-config.ts'
export { readJoinToken, readStaticTokens, type SecretText } from './secrets.ts'
