import { describe, expect, it } from 'vitest'
import { podFactsOf } from './describe-pod.ts'

const pod = (fields: object, annotations: object = {}): unknown => ({
  kind: 'Pod',
  metadata: { annotations },
  spec: fields,
})

describe('podFactsOf()', () => {
  it('knows images of all kinds of containers, and the node', () => {
    const facts = podFactsOf(
      pod({
        nodeName: 'node-1',
        containers: [
          { name: 'app', image: 'app:1' },
          { name: 'side', image: 'side:2' },
        ],
        initContainers: [{ name: 'init', image: 'init:3' }],
        ephemeralContainers: [{ name: 'debugger', image: 'busybox' }],
      }),
    )
    expect(facts?.node).toBe('node-1')
    expect(Object.fromEntries(facts?.images ?? [])).toEqual({
      app: 'app:1',
      side: 'side:2',
      init: 'init:3',
      debugger: 'busybox',
    })
    expect(facts?.defaultContainer).toBe('')
  })

  it('knows where a command runs that names no container: in the only one', () => {
    expect(podFactsOf(pod({ containers: [{ name: 'app' }] }))?.defaultContainer).toBe('app')
    const annotations = { 'kubectl.kubernetes.io/default-container': 'side' }
    const two = { containers: [{ name: 'app' }, { name: 'side' }] }
    expect(podFactsOf(pod(two, annotations))?.defaultContainer).toBe('')
  })

  it.each([null, 'ok', {}, { kind: 'Pod' }, { kind: 'Status', spec: {} }])(
    'knows nothing of %j',
    (value) => {
      expect(podFactsOf(value)).toBeNull()
    },
  )

  it('passes over what is none of a pod', () => {
    const facts = podFactsOf(pod({ nodeName: 5, containers: [null, 'x', { image: 'a' }] }))
    expect(facts).toMatchObject({ node: '', defaultContainer: '' })
    expect(facts?.images.size).toBe(0)
  })
})
