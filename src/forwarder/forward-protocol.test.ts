import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TUNNEL_PROTOCOL } from '../streams/index.ts'
import { forwardProtocolOf, withoutPorts } from './forward-protocol.ts'

const PATH = '/api/v1/namespaces/a/pods/b/portforward'
const asked = (upgrade: string, header: string[], target = PATH): unknown =>
  forwardProtocolOf(upgrade, header, target)
const offering = (...protocols: string[]): string[] => [
  'Sec-WebSocket-Protocol',
  protocols.join(', '),
]

describe('how a client wants to speak of its ports', () => {
  it.each([
    ['SPDY/3.1', ['X-Stream-Protocol-Version', 'portforward.k8s.io'], 'spdy'],
    ['spdy/3.1', [], 'spdy'],
    ['websocket', offering(TUNNEL_PROTOCOL), 'tunnel'],
    ['WebSocket', offering('v4.channel.k8s.io', TUNNEL_PROTOCOL), 'tunnel'],
  ])('%s with %j is %s', (upgrade, headers, kind) => {
    expect(asked(upgrade, headers)).toEqual({ kind })
  })

  it.each([
    ['?ports=80', [80]],
    ['?ports=80,443', [80, 443]],
    ['?ports=80&x=1&ports=443,%20444', [80, 443, 444]],
    ['?ports=80&ports=80', [80, 80]],
  ])('plain WebSocket with %s has ports %j', (query, ports) => {
    for (const headers of [offering('v5.channel.k8s.io', 'v4.channel.k8s.io'), []]) {
      expect(asked('websocket', headers, `${PATH}${query}`)).toMatchObject({
        kind: 'websocket',
        ports,
      })
    }
  })

  it.each([
    ['h2c', [], PATH],
    ['SPDY/3.1', ['X-Stream-Protocol-Version', 'v4.channel.k8s.io'], PATH],
    ['websocket', offering('portforward.k8s.io'), `${PATH}?ports=80`],
    ['websocket', [], PATH],
    ['websocket', [], `${PATH}?ports=`],
    ['websocket', [], `${PATH}?ports=80,0`],
    ['websocket', [], `${PATH}?ports=80,65536`],
    ['websocket', [], `${PATH}?ports=${Array.from({ length: 65 }, (_, at) => at + 1).join()}`],
    ['websocket', offering('v4.base64.channel.k8s.io'), `${PATH}?ports=1,2,3,4,5,6`],
  ])('%s with %j at %s is none of ours, in words', (upgrade, headers, target) => {
    expect(asked(upgrade, headers, target)).toBeTypeOf('string')
  })

  it('goes up without the ports, and with everything else', () => {
    expect(withoutPorts(PATH)).toBe(PATH)
    expect(withoutPorts(`${PATH}?ports=80`)).toBe(PATH)
    expect(withoutPorts(`${PATH}?a=1&ports=80&b=%2F&ports=81`)).toBe(`${PATH}?a=1&b=%2F`)
    fc.assert(
      fc.property(fc.string(), (query) => {
        const target = withoutPorts(`${PATH}?${query}`)
        expect(new URLSearchParams(target.slice(PATH.length)).has('ports')).toBe(false)
      }),
    )
  })
})
