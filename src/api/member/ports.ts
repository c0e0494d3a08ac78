/** What is known of members: who joined, and whose the names of clusters are. */
export interface Membership {
  /** The lineage of a member; null when nobody of that host id joined, or when it was removed. */
  lineageOf(hostId: string): Promise<string | null>
  /** Binds a name to a lineage unless it is bound; false when it is another's. */
  claim(name: string, lineage: string): Promise<boolean>
  /** Notes that a member lives. `address` is `ip:port`. */
  seen(hostId: string, of: { readonly version: string; readonly address: string }): Promise<void>
}
