import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ApiClient } from '../../../src/client/index.ts'
import type { UserResource } from '../../../src/contract/index.ts'
import { TestApi } from './support/test-api.ts'

const USER: UserResource = {
  kind: 'user',
  version: 'v2',
  metadata: { name: 'joe' },
  spec: { roles: ['auditor'] },
}

describe('a user who is deleted, and created again under the same name', () => {
  let api: TestApi
  beforeEach(async () => {
    api = await TestApi.start()
  })
  afterEach(() => api[Symbol.asyncDispose]())

  it('is another one: the certificates of the first stay worth nothing', async () => {
    using admin = new ApiClient(await api.admin())
    await admin.call('users.create', { body: USER })
    using first = new ApiClient(await api.as('joe', ['auditor']))
    await first.call('users.list', {})
    await admin.call('users.delete', { params: { name: 'joe' } })
    await new Promise((resolve) => setTimeout(resolve, 5))
    await admin.call('users.create', { body: USER })
    await expect.poll(() => api.access.current().users.has('joe')).toBe(true)
    await expect(first.call('users.list', {})).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    using second = new ApiClient(await api.as('joe', ['auditor']))
    await second.call('users.list', {})
  })

  it('cannot be made older by whoever writes the resource', async () => {
    using admin = new ApiClient(await api.admin())
    const long = '2001-01-01T00:00:00.000Z'
    const aged = { ...USER, metadata: { name: 'joe', created: long } }
    const params = { name: 'joe' }
    const { metadata } = await admin.call('users.create', { body: aged })
    expect(metadata.created).not.toBe(long)
    const { created } = (await admin.call('users.upsert', { params, body: aged })).metadata
    expect(created).toBe(metadata.created)
    await admin.call('users.delete', { params })
    const anew = await admin.call('users.upsert', { params, body: aged })
    expect(Date.parse(anew.metadata.created ?? '')).toBeGreaterThan(Date.parse(long))
  })

  it('keeps the time of its creation when it is changed, with or without a revision', async () => {
    using admin = new ApiClient(await api.admin())
    const first = await admin.call('users.create', { body: USER })
    const params = { name: 'joe' }
    const second = await admin.call('users.upsert', {
      params,
      body: { ...first, spec: { roles: [] } },
    })
    const third = await admin.call('users.upsert', { params, body: USER })
    for (const { metadata } of [second, third]) {
      expect(metadata.created).toBe(first.metadata.created)
    }
  })

  it('is there once, however many create it at once', async () => {
    using admin = new ApiClient(await api.admin())
    const params = { name: 'joe' }
    const made = await Promise.all(
      Array.from({ length: 10 }, () => admin.call('users.upsert', { params, body: USER })),
    )
    expect(new Set(made.map(({ metadata }) => metadata.created)).size).toBe(1)
    const kinds = api.events.filter(({ event }) => event === 'user.create')
    expect(kinds.filter((event) => 'outcome' in event && event.outcome === 'done')).toHaveLength(1)
  })
})
