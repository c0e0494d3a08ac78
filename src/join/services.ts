import type { HostService } from '../identity/index.ts'

/** What may join over the network. The auth service is what they join. */
export const memberServices = ['kube', 'proxy'] as const satisfies readonly HostService[]
export type MemberService = (typeof memberServices)[number]

export const isMemberService = (text: string): text is MemberService =>
  memberServices.some((known) => known === text)

/** Reads `kube,proxy`. Null with the first name that cannot join. */
export function parseMemberServices(
  text: string,
): { readonly services: readonly MemberService[] } | { readonly unknown: string } {
  const services: MemberService[] = []
  for (const part of text.split(',')) {
    const name = part.trim().toLowerCase()
    if (!isMemberService(name)) return { unknown: name }
    if (!services.includes(name)) services.push(name)
  }
  return { services }
}
