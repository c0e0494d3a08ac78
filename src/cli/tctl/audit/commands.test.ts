import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { FakeApi } from '../../../../test/support/fake-api.ts'
import { FakeIo, tctl } from '../../../../test/support/fake-io.ts'
import { queryOf } from './commands.ts'

const NOW_MS = Date.parse('2026-01-31T09:00:00.000Z')

it('times are sent as they are, and durations count back from now', () => {
  const flags = { from: '2h', to: '2026-01-31T08:30:00Z', format: 'text' }
  expect(queryOf(flags, NOW_MS)).toEqual({
    from: '2026-01-31T07:00:00.000Z',
    to: '2026-01-31T08:30:00Z',
  })
})

it.each(['from', 'to'])('what is neither is said with its flag: --%s', (flag) => {
  expect(() => queryOf({ [flag]: 'yesterday', format: 'text' }, NOW_MS)).toThrow(
    `--${flag}=yesterday is neither a time like 2026-01-31T09:00:00Z nor a duration like 2h`,
  )
})

const event = {
  event: 'user.create',
  code: 'T1002I',
  time: '2026-01-31T09:00:00.000Z',
  uid: '2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11',
  cluster_name: 'example.com',
}

describe('tctl audit ls', () => {
  const shown = async (next: string | null, format: string): Promise<FakeIo> => {
    const api = new FakeApi({ 'events.list': () => ({ items: [event], next }) })
    const io = new FakeIo()
    expect(await tctl(api, ['audit', 'ls', '--limit=1', `--format=${format}`], io)).toBe(0)
    return io
  }

  it.each(['text', 'json'])('says that there are more than are shown (%s)', async (format) => {
    expect((await shown('cursor', format)).err).toBe(
      'tctl: there are more: --limit shows more than 1\n',
    )
    expect((await shown(null, format)).err).toBe('')
  })
})

describe('tctl audit tail', () => {
  const told = [
    { ...event, name: 'joe' },
    { ...event, name: 'a\u202eb\u009b2J' },
  ]
  async function tailed(format: string): Promise<string> {
    const io = new FakeIo()
    const api = new FakeApi({
      'events.list': ({ query }) => {
        if (query['after'] === undefined) return { items: [], next: 'begin' }
        io.interrupt()
        return { items: told, next: 'end' }
      },
    })
    expect(await tctl(api, ['audit', 'tail', `--format=${format}`], io)).toBe(0)
    return io.out
  }

  it('gives a document of YAML for each event', async () => {
    const documents = parseAllDocuments(await tailed('yaml'))
    expect(Array.isArray(documents) && documents.map((one) => one.toJS() as unknown)).toEqual(told)
  })

  it('gives a line of JSON for each event, with all that it says', async () => {
    const text = await tailed('json')
    const lines = text.trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(told)
    expect(text).not.toMatch(/[\u202e\u009b]/)
  })
})
