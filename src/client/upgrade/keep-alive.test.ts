import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { keepAlive, type PingedSocket } from './keep-alive.ts'

class FakeSocket extends EventEmitter implements PingedSocket {
  isPaused = false
  pings = 0
  isGone = false
  answers = true
  ping(): void {
    this.pings += 1
    if (this.answers) this.emit('pong')
  }
  terminate(): void {
    this.isGone = true
    this.emit('close')
  }
}

const EVERY_MS = 1000
let socket: FakeSocket
beforeEach(() => {
  vi.useFakeTimers()
  socket = new FakeSocket()
  keepAlive(socket, EVERY_MS)
})
afterEach(() => {
  socket.emit('close')
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

it('pings, and goes on as long as somebody answers', () => {
  vi.advanceTimersByTime(100 * EVERY_MS)
  expect(socket.pings).toBe(100)
  expect(socket.isGone).toBe(false)
})

it('ends a connection whose other end is gone', () => {
  socket.answers = false
  vi.advanceTimersByTime(3 * EVERY_MS)
  expect(socket.isGone).toBe(false)
  vi.advanceTimersByTime(EVERY_MS)
  expect(socket.isGone).toBe(true)
})

it.each(['message', 'ping'])('takes a %s for a sign of life', (sign) => {
  socket.answers = false
  for (let times = 0; times < 10; times += 1) {
    vi.advanceTimersByTime(2 * EVERY_MS)
    socket.emit(sign)
  }
  expect(socket.isGone).toBe(false)
})

it('misses no answer while it does not read', () => {
  socket.answers = false
  socket.isPaused = true
  vi.advanceTimersByTime(100 * EVERY_MS)
  expect(socket.isGone).toBe(false)
})
