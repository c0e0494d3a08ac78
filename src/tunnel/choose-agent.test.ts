import { describe, expect, it } from 'vitest'
import { orderAgents } from './choose-agent.ts'

const agent = (name: string, streams: number, healthy = true, doubtful = false) => ({
  name,
  streams,
  healthy,
  doubtful,
})

describe('orderAgents', () => {
  it('asks who works before who does not, and of those who work the least busy first', () => {
    const asked = orderAgents([
      agent('silent', 0, true, true),
      agent('ill', 0, false),
      agent('busy', 9),
      agent('idle', 1),
      agent('ill and silent', 0, false, true),
    ]).map(({ name }) => name)
    expect(asked).toEqual(['idle', 'busy', 'ill', 'silent', 'ill and silent'])
  })
})
