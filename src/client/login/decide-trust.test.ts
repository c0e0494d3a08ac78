import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decideTrust, type TrustQuestion } from './decide-trust.ts'
import type { HostAuthority } from './host-ca.ts'

const authority = (pin: string): HostAuthority => ({ pin, pem: `PEM of ${pin}` })
const [a, b] = [authority('a'), authority('b')]
const nothing: TrustQuestion = {
  offered: [a],
  known: null,
  pins: [],
  insecure: false,
  canAsk: false,
}

describe('decideTrust()', () => {
  it.each<[string, Partial<TrustQuestion>, object]>([
    ['first use, nobody to ask', {}, { verdict: 'refuse', because: 'unknown' }],
    ['first use at a terminal', { canAsk: true }, { verdict: 'ask' }],
    [
      'first use, --insecure',
      { insecure: true },
      { verdict: 'trust', authorities: [a], by: 'insecure' },
    ],
    [
      'first use, --insecure at a terminal',
      { insecure: true, canAsk: true },
      { verdict: 'trust', by: 'insecure' },
    ],
    ['a pin that fits', { pins: ['a'] }, { verdict: 'trust', authorities: [a], by: 'pin' }],
    ['a pin that does not', { pins: ['b'] }, { verdict: 'refuse', because: 'pin-mismatch' }],
    [
      'a pin that does not, --insecure',
      { pins: ['b'], insecure: true },
      { verdict: 'refuse', because: 'pin-mismatch' },
    ],
    [
      'a pin that does not, of a known server',
      { pins: ['b'], known: [a] },
      { verdict: 'refuse', because: 'pin-mismatch' },
    ],
    [
      'only what the pin names is trusted',
      { offered: [a, b], pins: ['b'] },
      { verdict: 'trust', authorities: [b] },
    ],
    ['a known server', { known: [a] }, { verdict: 'trust', authorities: [a], by: 'known' }],
    [
      'a known server that rotates',
      { offered: [a, b], known: [a] },
      { verdict: 'trust', authorities: [a], by: 'known' },
    ],
    [
      'a known server that changed',
      { offered: [b], known: [a] },
      { verdict: 'refuse', because: 'changed' },
    ],
    [
      'a known server that changed, --insecure',
      { offered: [b], known: [a], insecure: true },
      { verdict: 'refuse', because: 'changed' },
    ],
    [
      'a known server that changed, at a terminal',
      { offered: [b], known: [a], canAsk: true },
      { verdict: 'refuse', because: 'changed' },
    ],
    [
      'a change that the administrator confirmed',
      { offered: [b], known: [a], pins: ['b'] },
      { verdict: 'trust', authorities: [b], by: 'pin' },
    ],
  ])('%s', (_, given, wanted) => {
    expect(decideTrust({ ...nothing, ...given })).toMatchObject(wanted)
  })

  it('never trusts what was neither pinned nor known, unless nothing is known and the person said so', () => {
    const pins = fc.subarray(['a', 'b', 'c'])
    fc.assert(
      fc.property(
        pins,
        fc.option(pins),
        pins,
        fc.boolean(),
        fc.boolean(),
        (offered, known, given, insecure, canAsk) => {
          const decision = decideTrust({
            offered: offered.map(authority),
            known: known?.map(authority) ?? null,
            pins: given,
            insecure,
            canAsk,
          })
          if (decision.verdict !== 'trust') return
          const trusted = decision.authorities.map(({ pin }) => pin)
          if (given.length > 0) expect(given).toEqual(expect.arrayContaining(trusted))
          else if (known !== null) expect(trusted).toEqual(known)
          else expect(insecure).toBe(true)
        },
      ),
    )
  })
})
