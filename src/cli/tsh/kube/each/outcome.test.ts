import { expect, it } from 'vitest'
import { type Outcome, summary } from './outcome.ts'

const ran = (exitCode: number): Outcome => ({ kind: 'ran', exitCode, ms: 1 })

it('counts, and names what went wrong', () => {
  const outcomes = new Map<string, Outcome>([
    ['a', ran(0)],
    ['b', ran(3)],
    ['c\u001b[2J', { kind: 'offline' }],
    ['d', { kind: 'stopped' }],
    ['e', { kind: 'skipped' }],
  ])
  expect(summary('kubectl', outcomes, 1234)).toEqual([
    'tsh: done in 1 of 5 clusters (1.2 s)',
    'tsh: b: kubectl ended with exit code 3',
    'tsh: c\ufffd[2J: offline, nothing was tried',
    'tsh: d: stopped before it had ended: some of it may be done',
    'tsh: e: not run',
  ])
  expect(summary('kubectl', new Map([['a', ran(0)]]), 40)).toEqual([
    'tsh: done in 1 of 1 cluster (0.0 s)',
  ])
})
