import { describe, expect, it } from 'vitest'
import { RECENT_WINDOW_MS } from './limits.ts'
import { UserTable } from './user-table.ts'

const NOW = 1_000 * RECENT_WINDOW_MS

const request = (table: UserTable, user: string, nowMs: number, status = 200): void => {
  table.started(user, nowMs)
  table.ended(user, nowMs, status, 10, 1)
}

describe('UserTable', () => {
  it('counts what each user sent', () => {
    const table = new UserTable()
    request(table, 'alice', NOW)
    request(table, 'alice', NOW, 503)
    table.refused('alice', NOW)
    table.started('alice', NOW)
    expect(table.snapshot(NOW)).toEqual({
      users: [
        {
          name: 'alice',
          requests: 3,
          errors: 1,
          refused: 1,
          bytes_sent: 20,
          bytes_received: 2,
          live: 1,
        },
      ],
      users_other: {
        users: 0,
        requests: 0,
        errors: 0,
        refused: 0,
        bytes_sent: 0,
        bytes_received: 0,
        live: 0,
      },
    })
  })

  it('puts first who was busy in the last minute, and not who once was', () => {
    const table = new UserTable()
    for (let index = 0; index < 50; index += 1) request(table, 'yesterday', NOW - 86_400_000)
    for (let index = 0; index < 5; index += 1) request(table, 'before', NOW - RECENT_WINDOW_MS)
    request(table, 'now', NOW)
    for (let index = 0; index < 2; index += 1) request(table, 'both', NOW - RECENT_WINDOW_MS)
    for (let index = 0; index < 4; index += 1) request(table, 'both', NOW)
    const names = table.snapshot(NOW).users.map(({ name }) => name)
    expect(names).toEqual(['both', 'before', 'now', 'yesterday'])
  })

  it('names so many and sums up the others', () => {
    const table = new UserTable()
    for (const [user, times] of [
      ['a', 3],
      ['b', 2],
      ['c', 1],
    ] as const) {
      for (let index = 0; index < times; index += 1) request(table, user, NOW)
    }
    const { users, users_other: other } = table.snapshot(NOW, 1)
    expect(users.map(({ name }) => name)).toEqual(['a'])
    expect(other).toMatchObject({ users: 2, requests: 3, bytes_sent: 30 })
  })

  it('keeps its size when strangers come, and loses no request', () => {
    const table = new UserTable(3)
    for (let index = 0; index < 1000; index += 1) request(table, `robot-${index}`, NOW)
    const { users, users_other: other } = table.snapshot(NOW)
    expect(users).toHaveLength(3)
    expect(users.reduce((sum, { requests }) => sum + requests, other.requests)).toBe(1000)
  })

  it('gives the places of those who are idle to those who come', () => {
    const table = new UserTable(2)
    request(table, 'idle', NOW)
    table.started('streaming', NOW)
    const later = NOW + 10 * RECENT_WINDOW_MS
    request(table, 'new', later)
    const { users, users_other: other } = table.snapshot(later)
    expect(users.map(({ name }) => name)).toEqual(['new', 'streaming'])
    expect(other).toMatchObject({ users: 1, requests: 1 })
  })

  it('ends with nothing underway, also of users who found no place at first', () => {
    const table = new UserTable(1)
    table.started('first', NOW)
    table.started('second', NOW)
    table.ended('first', NOW, 200, 0, 0)
    const later = NOW + 10 * RECENT_WINDOW_MS
    // Now there is a place for the second one.
    table.started('second', later)
    table.ended('second', later, 200, 0, 0)
    table.ended('second', later, 200, 0, 0)
    const { users, users_other: other } = table.snapshot(later)
    expect(users.reduce((sum, { live }) => sum + live, other.live)).toBe(0)
  })
})
