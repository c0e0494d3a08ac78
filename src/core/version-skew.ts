/** The numbers of a version like `v1.2.3`, whatever stands behind them; null for what is none. */
export function versionNumbers(text: string): readonly [number, number, number] | null {
  const [, major, minor, patch] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(text) ?? []
  return major === undefined ? null : [Number(major), Number(minor), Number(patch)]
}

/** Why two versions do not go together; null: they do, or one of them is none that can be compared. */
export type VersionSkew = 'newer' | 'outdated' | null

/**
 * A server works with those of its own major version and of the one before: what is newer may ask for what it does not know, and
 * what is older for what is gone.
 */
export function versionSkew(server: string, other: string): VersionSkew {
  const [ours] = versionNumbers(server) ?? []
  const [theirs] = versionNumbers(other) ?? []
  if (ours === undefined || theirs === undefined) return null
  if (theirs > ours) return 'newer'
  return theirs < ours - 1 ? 'outdated' : null
}
