import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that wait for minutes, the longest first: begun last, they would run alone at the end. */
export const LONGEST = [
  'test/e2e/endurance.test.ts',
  'test/e2e/durability.test.ts',
  'test/e2e/session-survival.test.ts',
  'test/e2e/kubectl.test.ts',
  'test/e2e/sessions.test.ts',
  'test/e2e/guides.test.ts',
  'test/e2e/locks.test.ts',
  'test/e2e/refusals.test.ts',
  'test/e2e/port-forward.test.ts',
  'test/e2e/tsh.test.ts',
] as const

/** Vitest's order, but for the files that would keep everybody waiting at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => rankOf(a.moduleId) - rankOf(b.moduleId))
  }
}

/** Lower comes earlier. */
export function rankOf(path: string): number {
  const found = LONGEST.findIndex((name) => path.endsWith(`/${name}`))
  return found === -1 ? LONGEST.length : found
}
