import { describe, expect, it } from 'vitest'
import { LockoutTable } from './lockout-table.ts'

const rules = { freeFailures: 2, firstWaitMs: 1000, lastWaitMs: 8000, forgetMs: 60_000 }

const tableOf = (
  max?: number,
): { table: LockoutTable; clock: { nowMs: number; now(): number } } => {
  const clock = { nowMs: 1000, now: (): number => clock.nowMs }
  return { table: new LockoutTable(rules, clock, max), clock }
}

describe('LockoutTable', () => {
  it('tells names apart, and lets go after a while', () => {
    const { table, clock } = tableOf()
    table.count('joe')
    expect(table.waitMs('joe')).toBe(0)
    table.count('joe')
    expect(table.waitMs('joe')).toBe(1000)
    expect(table.waitMs('eve')).toBe(0)
    clock.nowMs += 1000
    expect(table.waitMs('joe')).toBe(0)
  })

  it('forgets a name whose user proved himself, and an attempt that was none', () => {
    const { table } = tableOf()
    table.count('joe')
    table.count('joe')
    table.withdraw('joe')
    expect(table.waitMs('joe')).toBe(0)
    table.count('joe')
    expect(table.waitMs('joe')).toBe(1000)
    table.clear('joe')
    expect(table.waitMs('joe')).toBe(0)
    expect(table.size).toBe(0)
  })

  it('stays bounded under invented names, which do not wash a guilty one clean', () => {
    const { table } = tableOf(100)
    for (const name of ['joe', 'joe', 'joe']) table.count(name)
    for (let name = 0; name < 5000; name += 1) table.count(`invented-${name}`)
    expect(table.size).toBeLessThanOrEqual(100)
    expect(table.waitMs('joe')).toBeGreaterThan(0)
  })
})
