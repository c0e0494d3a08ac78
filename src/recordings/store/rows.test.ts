import { describe, expect, it } from 'vitest'
import { factsOf, idOf } from '../../../test/conformance/recordings/facts.ts'
import { Rows } from './rows.ts'

const row = (n: number) => factsOf(n, { startedMs: n * 1000 })

describe('rows that are looked through', () => {
  it.each([
    ['older ones and the last one go', [1, 2, 3, 4], []],
    ['a newer one goes', [7], []],
    ['others come', [], [row(10), row(11), factsOf(12, { startedMs: 500 })]],
  ] as const)('come each once, the newest first, when %s meanwhile', (_name, gone, come) => {
    const rows = new Rows([1, 2, 3, 4, 5, 6, 7, 8].map(row))
    const seen: string[] = []
    for (const { sessionId } of rows.matching({ limit: 100 })) {
      seen.push(sessionId)
      if (seen.length !== 5) continue
      for (const n of gone) rows.remove(idOf(n))
      for (const one of come) rows.add(one)
    }
    const rest = [3, 2, 1].filter((n) => !(gone as readonly number[]).includes(n))
    const late = come.filter(({ startedMs }) => startedMs < 1000).map(({ sessionId }) => sessionId)
    expect(seen).toEqual([...[8, 7, 6, 5, 4, ...rest].map(idOf), ...late])
  })
})
