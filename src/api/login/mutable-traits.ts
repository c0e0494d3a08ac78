import type { Traits } from '../../identity/index.ts'

/** The contract's types are mutable; what a certificate says is not shared. */
export const mutableTraits = (traits: Traits): Record<string, string[]> =>
  Object.fromEntries(Object.entries(traits).map(([name, values]) => [name, [...values]]))
