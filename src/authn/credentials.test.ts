import { describe, expect, it } from 'vitest'
import { systemClock } from '../core/index.ts'
import { openMemoryBackend, StorageError } from '../storage/index.ts'
import { CredentialStore, credentialsKey, noCredentials } from './credentials.ts'

const store = (): CredentialStore => new CredentialStore(openMemoryBackend({ clock: systemClock }))

describe('CredentialStore', () => {
  it('loses no change when several come at once', async () => {
    const credentials = store()
    const add = (): Promise<unknown> =>
      credentials.update('joe', (current) => ({
        ...(current ?? noCredentials('joe')),
        lastOtpStep: (current?.lastOtpStep ?? 0) + 1,
      }))
    await Promise.all(Array.from({ length: 10 }, add))
    expect((await credentials.find('joe'))?.lastOtpStep).toBe(10)
  })

  it('writes nothing when a change is not wanted any more', async () => {
    const credentials = store()
    expect(await credentials.update('joe', () => null)).toBeNull()
    expect(await credentials.find('joe')).toBeNull()
  })

  it('gives up on a record that changes all the time', async () => {
    const backend = openMemoryBackend({ clock: systemClock })
    backend.create = async () => {
      throw new StorageError('ALREADY_EXISTS', 'somebody was faster')
    }
    const update = new CredentialStore(backend).update('joe', () => noCredentials('joe'))
    await expect(update).rejects.toMatchObject({ code: 'CREDENTIALS_BUSY' })
  })

  it('forgets, also what is not there', async () => {
    const credentials = store()
    await credentials.update('joe', () => noCredentials('joe'))
    await credentials.delete('joe')
    await credentials.delete('joe')
    expect(await credentials.find('joe')).toBeNull()
  })

  it.each(['joe', 'a/b/../c', '\u0000', 'x'.repeat(10_000), ''])(
    'has a key for whatever was typed',
    (name) => {
      expect(credentialsKey(name)).toMatch(/^credentials\/[0-9a-f]{64}$/)
    },
  )
})
