import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { Unread } from './unread.ts'

/** A connection that nobody reads, with so many bytes in it. */
function holding(bytes: number): Duplex {
  const stream = new Duplex({ read() {}, write() {} })
  stream.on('error', () => {})
  stream.push(Buffer.alloc(bytes))
  return stream
}

describe('what is left unread', () => {
  it('is cut at the fullest, until the address keeps to its bytes', () => {
    const [small, full, fuller] = [holding(10), holding(50), holding(60)]
    const unread = new Unread(new WeakMap())
    for (const stream of [small, full, fuller]) unread.add('a', stream)
    expect(unread.cut(60)).toEqual([{ address: 'a', connections: 1 }])
    expect([small, full, fuller].map(({ destroyed }) => destroyed)).toEqual([false, false, true])
  })

  it('is no matter of others', () => {
    const [greedy, other] = [holding(100), holding(60)]
    const unread = new Unread(new WeakMap())
    unread.add('a', greedy)
    unread.add('b', other)
    expect(unread.cut(60)).toEqual([{ address: 'a', connections: 1 }])
    expect(other.destroyed).toBe(false)
  })

  it('counts what the socket of the person holds as well, and what he is to be sent', () => {
    const [stream, person] = [holding(20), new Duplex({ read() {}, write() {} })]
    person.write(Buffer.alloc(41))
    const unread = new Unread(new WeakMap([[stream, person]]))
    unread.add('a', stream)
    expect(unread.cut(61)).toEqual([])
    expect(unread.cut(60)).toEqual([{ address: 'a', connections: 1 }])
    expect(stream.destroyed).toBe(true)
  })
})
