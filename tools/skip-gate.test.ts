import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runProgram } from '../test/support/process.ts'

const VITEST = resolve(import.meta.dirname, '../node_modules/vitest/vitest.mjs')
const FIXTURES = resolve(import.meta.dirname, 'skip-gate')

/** Runs vitest with the gate over the fixtures that match, as a machine that proves everything or not. */
async function gate(filter: string, all: boolean): Promise<{ code: number | null; text: string }> {
  const { code, stdout } = await runProgram(
    process.execPath,
    [VITEST, 'run', '--config', `${FIXTURES}/vitest.config.ts`, '--passWithNoTests', filter],
    { cwd: FIXTURES, env: { CI_REQUIRE_ALL: all ? '1' : '' } },
  )
  return { code, text: stdout }
}

describe('the skip gate', () => {
  it('counts, and names what was skipped', async () => {
    const { code, text } = await gate('skips', false)
    expect(code).toBe(0)
    expect(text).toContain('skipped: a suite > is left out')
    expect(text).toContain('1 passed, 0 failed, 1 skipped')
  })

  it.each([
    ['a skipped test', 'skips', '1 tests were skipped that must run here'],
    ['a run without tests', 'nothing-of-this-name', 'no test ran'],
  ])('fails for %s where everything must run', async (_what, filter, why) => {
    const { code, text } = await gate(filter, true)
    expect(code).toBe(1)
    expect(text).toContain(`failed: ${why}`)
  })

  it('names what is optional, and misses it nowhere', async () => {
    const { code, text } = await gate('optional', true)
    expect(text).toContain('skipped: needs what is not here')
    expect(text).toContain('1 passed, 0 failed, 1 skipped')
    expect(code).toBe(0)
  })

  it('passes where everything must run and did', async () => {
    const { code, text } = await gate('runs', true)
    expect(text).toContain('1 passed, 0 failed, 0 skipped')
    expect(code).toBe(0)
  })
})
