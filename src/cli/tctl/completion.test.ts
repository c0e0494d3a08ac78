import { describe, expect, it } from 'vitest'
import { FakeIo } from '../../../test/support/fake-io.ts'
import { complete } from './completion.ts'

async function words(line: string): Promise<string[]> {
  const io = new FakeIo()
  expect(await complete(io, line.split(' '), '/nowhere')).toBe(0)
  return io.out
    .split('\n')
    .filter((each) => each !== '')
    .map((each) => each.split('\t')[0] ?? '')
}

describe('tctl __complete', () => {
  it.each([
    ['users ', ['add', 'ls', 'update', 'reset', 'rm', 'help']],
    ['get r', ['roles']],
    [
      'get ',
      [
        'roles',
        'users',
        'locks',
        'cluster_settings',
        'kube_clusters',
        'kube_servers',
        'instances',
        'tokens',
        'all',
      ],
    ],
    ['edit ', ['role/', 'user/', 'lock/', 'cluster_settings', 'kube_cluster/']],
    ['rm k', ['kube_cluster/', 'kube_server/']],
    ['tokens rm ', []],
    ['tokens ', ['add', 'ls', 'rm', 'help']],
    ['tokens add --type=k', ['--type=kube']],
    ['audit ls --format=', ['--format=text', '--format=json', '--format=yaml']],
    ['-i x.pem auth sign --format ', ['file', 'kubernetes', 'tls']],
    ['completion ', ['bash', 'zsh', 'fish']],
    ['--proxy ', []],
    ['-i ', []],
  ])('%s', async (line, expected) => {
    expect(await words(line)).toEqual(expected)
  })

  it('offers the flags of the connection once', async () => {
    const flags = await words('users ls --')
    expect(flags).toContain('--auth-server')
    expect(new Set(flags).size).toBe(flags.length)
  })
})
