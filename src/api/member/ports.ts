import type { Member } from '../../join/index.ts'

/** What is known of members: that they live, and whose the names of clusters are. */
export interface Membership {
  /** Binds a name to a lineage unless it is bound; false when it is another's. */
  claim(name: string, lineage: string): Promise<boolean>
  /** Notes that a member lives. `address` is `ip:port`. */
  seen(member: Member, of: { readonly version: string; readonly address: string }): Promise<void>
}
