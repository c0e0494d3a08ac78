import { describe, expect, it } from 'vitest'
import { LongCommands } from './long-commands.ts'

const MIB = 1024 * 1024
const HALF = 512 * 1024

describe('long commands', () => {
  const spend = (commands: LongCommands, user: string, nowMs: number): number => {
    let taken = 0
    while (commands.takes(user, HALF, nowMs)) taken += 1
    return taken
  }

  it('are taken until a person has written eight mebibytes of them, and others for themselves', () => {
    const commands = new LongCommands()
    expect(spend(commands, 'joe', 0)).toBe((8 * MIB) / HALF)
    expect(commands.takes('joe', 20 * 1024, 0)).toBe(false)
    expect(spend(commands, 'eve', 0)).toBe((8 * MIB) / HALF)
  })

  it('are taken again as time goes by, and not by a clock that is set back', () => {
    const commands = new LongCommands()
    spend(commands, 'joe', 10_000)
    expect(commands.takes('joe', HALF, 0)).toBe(false)
    expect(commands.takes('joe', HALF, 17_900)).toBe(false)
    expect(commands.takes('joe', HALF, 18_000)).toBe(true)
    expect(commands.takes('joe', HALF, 18_000)).toBe(false)
    expect(spend(commands, 'joe', 10_000_000)).toBe((8 * MIB) / HALF)
  })

  it('are not short ones, which nobody counts', () => {
    const commands = new LongCommands()
    spend(commands, 'joe', 0)
    for (let count = 0; count < 1000; count += 1) {
      expect(commands.takes('joe', 16 * 1024, 0)).toBe(true)
    }
  })
})
