import { describe, expect, it } from 'vitest'
import { roleOf } from '../../test/support/roles.ts'

const recording = (record_session: unknown): { mode: string; stdin: boolean } => {
  const { options } = roleOf('r', { options: { record_session } })
  return { mode: options.recordSession, stdin: options.recordStdin }
}

describe('record_session', () => {
  it.each([
    [undefined, 'best_effort'],
    [null, 'best_effort'],
    [{}, 'best_effort'],
    [{ default: 'best_effort' }, 'best_effort'],
    [{ default: 'strict' }, 'strict'],
    [{ default: 'off' }, 'best_effort'],
    [{ kube: 'strict' }, 'strict'],
    [{ k8s: 'strict' }, 'strict'],
    [{ default: 'strict', kube: 'best_effort' }, 'best_effort'],
    [{ default: 'best_effort', k8s: 'strict' }, 'strict'],
    [{ kube: 'best_effort', k8s: 'strict' }, 'strict'],
    [{ ssh: 'strict', desktop: false }, 'best_effort'],
  ])('%j is %s', (value, mode) => {
    expect(recording(value)).toEqual({ mode, stdin: false })
  })

  it.each([true, 'yes', 'on'])('stdin: %j records what is typed as well', (stdin) => {
    expect(recording({ stdin })).toEqual({ mode: 'best_effort', stdin: true })
  })

  it.each([
    [{ kubernetes: 'strict' }, 'record_session.kubernetes'],
    [{ default: 'sometimes' }, 'record_session.default'],
    [{ k8s: true }, 'record_session.k8s'],
    [{ stdin: 'maybe' }, 'record_session.stdin'],
    ['strict', 'record_session'],
  ])('%j is refused, and the message says where', (value, where) => {
    expect(() => recording(value)).toThrowError(where)
  })
})
