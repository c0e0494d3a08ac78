import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { roleOf } from '../../test/support/roles.ts'
import { sessionOptions } from './session-options.ts'
import type { Role, SessionOptions } from './types.ts'

const none: SessionOptions = {
  clientIdleTimeoutMs: null,
  disconnectExpiredCert: false,
  pinSourceIp: false,
  lock: 'best_effort',
  recordSession: 'best_effort',
  recordStdin: false,
  maxKubernetesConnections: null,
}

describe('sessionOptions()', () => {
  it('restricts nothing when no role does', () => {
    expect(sessionOptions([])).toEqual(none)
    expect(sessionOptions([roleOf('a', {}), roleOf('b', {})])).toEqual(none)
  })

  it('takes the strictest of each', () => {
    const roles = [
      roleOf('a', { options: { client_idle_timeout: '30m', lock: 'best_effort' } }),
      roleOf('b', { options: { client_idle_timeout: '5m', pin_source_ip: true } }),
      roleOf('c', { options: { client_idle_timeout: 'never', disconnect_expired_cert: 'yes' } }),
      roleOf('d', { options: { lock: 'strict', pin_source_ip: false } }),
      roleOf('e', { options: { record_session: { default: 'strict', stdin: true } } }),
      roleOf('f', { options: { record_session: { default: 'best_effort', stdin: false } } }),
      roleOf('g', { options: { max_kubernetes_connections: 5 } }),
      roleOf('h', { options: { max_kubernetes_connections: '3' } }),
      roleOf('i', { options: { max_kubernetes_connections: 0 } }),
    ]
    expect(sessionOptions(roles)).toEqual({
      clientIdleTimeoutMs: 5 * 60_000,
      disconnectExpiredCert: true,
      pinSourceIp: true,
      lock: 'strict',
      recordSession: 'strict',
      recordStdin: true,
      maxKubernetesConnections: 3,
    })
  })

  const anyRole: fc.Arbitrary<Role> = fc
    .record({
      client_idle_timeout: fc.constantFrom(undefined, null, 0, '0s', 'never', '10s', '1m', '2h'),
      disconnect_expired_cert: fc.constantFrom(undefined, false, true, 'no', 'on'),
      pin_source_ip: fc.constantFrom(undefined, null, false, true, 'off', 'yes'),
      lock: fc.constantFrom(undefined, '', 'best_effort', 'strict'),
      record_session: fc.constantFrom(
        undefined,
        {},
        { default: 'strict' },
        { stdin: 'yes' },
        { kube: 'strict', stdin: true },
      ),
      max_kubernetes_connections: fc.constantFrom(undefined, null, 0, 1, '2', 10),
    })
    .map((options) => roleOf('r', { options }))
  const strictness = ({
    clientIdleTimeoutMs,
    disconnectExpiredCert,
    pinSourceIp,
    lock,
    recordSession,
    recordStdin,
    maxKubernetesConnections,
  }: SessionOptions): readonly number[] => [
    -(clientIdleTimeoutMs ?? Number.POSITIVE_INFINITY),
    Number(disconnectExpiredCert),
    Number(pinSourceIp),
    Number(lock === 'strict'),
    Number(recordSession === 'strict'),
    Number(recordStdin),
    -(maxKubernetesConnections ?? Number.POSITIVE_INFINITY),
  ]

  it('is never loosened by one more role, nor changed by the order of roles', () => {
    fc.assert(
      fc.property(fc.array(anyRole), anyRole, (roles, more) => {
        const before = strictness(sessionOptions(roles))
        const after = strictness(sessionOptions([...roles, more]))
        expect(after.every((value, index) => value >= (before[index] ?? 0))).toBe(true)
        expect(sessionOptions([more, ...roles])).toEqual(sessionOptions([...roles, more]))
      }),
    )
  })

  it('is as strict as each of the roles alone', () => {
    fc.assert(
      fc.property(fc.array(anyRole, { minLength: 1 }), (roles) => {
        const whole = strictness(sessionOptions(roles))
        const alone = roles.map((role) => strictness(sessionOptions([role])))
        expect(whole).toEqual(
          whole.map((_, index) => Math.max(...alone.map((values) => values[index] ?? 0))),
        )
      }),
    )
  })
})
