import { beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../core/index.ts'
import { RefusedNames } from './refused-names.ts'

describe('RefusedNames', () => {
  let lines: string[]
  let names: RefusedNames
  beforeEach(() => {
    lines = []
    names = new RefusedNames({
      ...silentLogger,
      warn: (fields, words) =>
        lines.push(String(fields['server_name'] ?? fields['names'] ?? words)),
    })
  })
  const tell = (...serverNames: readonly string[]): void =>
    names.tell(serverNames.map((serverName) => ({ serverName, reason: 'no' })))

  it('tells a name once while it is announced, and again when it comes back', () => {
    tell('a')
    tell('a', 'b')
    tell('b')
    tell('a', 'b')
    expect(lines).toEqual(['a', 'b', 'a'])
  })

  it('tells some of many, and how many there are besides', () => {
    tell(...Array.from({ length: 13 }, (_, index) => `n${index}`))
    expect(lines.at(-1)).toBe('3')
    expect(lines).toHaveLength(11)
  })

  it('says that it tells no more when an agent finds ever new ones', () => {
    for (let index = 0; index < 1000; index += 1) tell(`n${index}`)
    expect(lines).toHaveLength(101)
    expect(lines.at(-1)).toBe('of names that this agent may not serve no more are told')
  })
})
