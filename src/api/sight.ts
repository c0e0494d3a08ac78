import { decideApi, describeRule } from '../authz/index.ts'
import type { AccessState } from './access-state.ts'
import { subjectOf } from './authorize-call.ts'
import type { Caller } from './context.ts'
import { ApiError } from './errors.ts'

/** What somebody is shown of what belongs to people: all, his own of this user's time, or nothing since a role denies it. */
export type Sight =
  | { readonly kind: 'all' }
  | { readonly kind: 'own'; readonly user: string; readonly fromMs: number }
  | { readonly kind: 'none'; readonly by: string }

/** A rule shows everything; what is one's own is shown without it, unless a role denies. */
export function sightOf(
  access: Pick<AccessState, 'current'>,
  { identity }: Caller,
  resource: string,
  verb: string,
): Sight {
  const snapshot = access.current()
  const subject = subjectOf(identity, snapshot)
  if (subject === null) return { kind: 'none', by: 'this user does not exist any more' }
  const decision = decideApi(subject, resource, verb)
  if (decision.effect === 'allow') return { kind: 'all' }
  if (decision.by !== null) return { kind: 'none', by: `denied by ${describeRule(decision.by)}` }
  // What somebody did who had the name before is not his.
  const fromMs = snapshot.users.get(subject.user)?.createdMs ?? 0
  return { kind: 'own', user: subject.user, fromMs }
}

/** Whether it shows what a person began at a time. */
export const shows = (
  sight: Sight,
  { user, startedMs }: { readonly user: string; readonly startedMs: number },
): boolean =>
  sight.kind === 'all' || (sight.kind === 'own' && user === sight.user && startedMs >= sight.fromMs)

/** Throws ACCESS_DENIED when nothing at all is shown. */
export function assertSight(
  sight: Sight,
  resource: string,
  verb: string,
): asserts sight is Exclude<Sight, { kind: 'none' }> {
  if (sight.kind !== 'none') return
  throw new ApiError('ACCESS_DENIED', `you may not ${verb} ${resource}: ${sight.by}`, {
    facts: { resource, verb },
  })
}
