import { Socket } from 'node:net'
import { expect, it } from 'vitest'
import { Tickets } from './tickets.ts'

const ignore = (): void => {}

it('are as many as may be and no more; one that is shown or void makes room', () => {
  const tickets = new Tickets(2)
  const first = tickets.issue(1000, ignore)
  const second = tickets.issue(1000, ignore)
  expect(tickets.issue(1000, ignore)).toBeNull()
  if (first === null || second === null) throw new Error('there is room for two')
  tickets.void(first.id)
  expect(tickets.issue(1000, ignore)).not.toBeNull()
  expect(tickets.redeem(new Socket(), second, 0)).toBe(true)
  expect(tickets.issue(1000, ignore)).not.toBeNull()
  expect(tickets.size).toBe(2)
})

it('are good once, until their time is over, and never by another secret', () => {
  const tickets = new Tickets(10)
  let arrived = 0
  const issue = (): NonNullable<ReturnType<Tickets['issue']>> => {
    const ticket = tickets.issue(1000, () => {
      arrived += 1
    })
    if (ticket === null) throw new Error('there is room')
    return ticket
  }
  const good = issue()
  expect(tickets.redeem(new Socket(), good, 999)).toBe(true)
  expect(tickets.redeem(new Socket(), good, 999)).toBe(false)
  expect(tickets.redeem(new Socket(), issue(), 1000)).toBe(false)
  const guessed = issue()
  const secret = Buffer.from(guessed.secret)
  secret.writeUInt8(secret.readUInt8(0) ^ 1, 0)
  expect(tickets.redeem(new Socket(), { ...guessed, secret }, 0)).toBe(false)
  expect(tickets.redeem(new Socket(), guessed, 0)).toBe(false)
  expect(arrived).toBe(1)
})
